"""Triton's traces become the spans of a request."""

import json
from pathlib import Path

import pytest

from loadtest.breakdown.traces import MARKS, Trace, draw, main, median, read_traces


def write(path: Path, requests: dict[int, float], step_ms: float = 10.0) -> Path:
    """Requests of two steps each, by id and latency in ms; the second step begins 5 ms after the first has ended."""
    records = []
    for root, latency in requests.items():
        records.append({"id": root, "model_name": "coin_search", "model_version": 1})
        records.append({"id": root, "timestamps": [{"name": "REQUEST_START", "ns": 1_000_000}]})
        for number, start in enumerate((1.0, 6.0 + step_ms)):
            step = 10 * root + number
            records.append({"id": step, "model_name": ("decode", "search")[number], "parent_id": root})
            stamps = [1_000_000 + int(1e6 * (start + step_ms * place / 4)) for place in range(5)]
            records += [
                {"id": step, "timestamps": [{"name": n, "ns": ns}]} for n, ns in zip(MARKS, stamps, strict=True)
            ]
        records.append({"id": root, "timestamps": [{"name": "REQUEST_END", "ns": 1_000_000 + int(1e6 * latency)}]})
    path.write_text(json.dumps(records))
    return path


def test_steps_lie_where_they_were(tmp_path: Path) -> None:
    (trace,) = read_traces(write(tmp_path / "trace.json", {1: 30.0}))
    assert (trace.asked, trace.latency) == ("coin_search", 30.0)
    assert [span.model for span in trace.spans] == ["decode", "search"]
    assert trace.spans[1].marks == pytest.approx((16.0, 18.5, 21.0, 23.5, 26.0))
    assert trace.between == pytest.approx(10.0)


def test_the_median_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "trace.json", {1: 30.0, 2: 90.0, 3: 40.0})
    assert main([str(file)]) == 0
    assert "3 requests; median 40.0 ms" in capsys.readouterr().out
    assert (tmp_path / "trace.png").stat().st_size > 5_000


def test_requests_under_way_when_the_server_stopped_are_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "trace.json", {1: 30.0})
    file.write_text(json.dumps(json.loads(file.read_text())[:-1]))
    assert read_traces(file) == []
    assert main([str(file)]) == 1


def test_steps_that_overlap_count_once(tmp_path: Path) -> None:
    (trace,) = read_traces(write(tmp_path / "trace.json", {1: 30.0}))
    twice = Trace(trace.asked, trace.latency, (*trace.spans, trace.spans[1]))
    assert twice.between == pytest.approx(trace.between)
    assert median([trace, twice]) in (trace, twice)
    draw(twice, tmp_path / "twice.png")


def test_a_model_that_clients_and_ensembles_ask_for_is_a_request_of_its_own_once(tmp_path: Path) -> None:
    file = write(tmp_path / "trace.json", {1: 30.0})
    records = json.loads(file.read_text().replace('"decode"', '"coin_embedding"'))
    alone = [("REQUEST_START", 1_000_000), *((mark, 3_000_000) for mark in MARKS), ("REQUEST_END", 5_000_000)]
    records.append({"id": 2, "model_name": "coin_embedding", "model_version": 1})
    records.append({"id": 2, "timestamps": [{"name": name, "ns": ns} for name, ns in alone]})
    file.write_text(json.dumps(records))
    search, embedding = read_traces(file)
    assert (search.asked, [span.model for span in search.spans]) == ("coin_search", ["coin_embedding", "search"])
    assert (embedding.asked, [span.model for span in embedding.spans]) == ("coin_embedding", ["coin_embedding"])
    assert embedding.latency == pytest.approx(4.0)
