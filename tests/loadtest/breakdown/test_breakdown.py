"""Differences of a server's counters become the parts of a photo's latency."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from backends.step_times import PHOTOS, SECONDS, WAIT
from ensemble.contract import COIN_EMBEDDING
from ensemble.graph import STEPS
from loadtest.breakdown.chart import bars, save
from loadtest.breakdown.figures import Breakdown, Reading, break_down
from loadtest.counters import PARTS, metrics_beside, read_inside

FULL = ("decode", "segmentation", "search")
ON_GPUS = {"coin_search": FULL, "coin_embedding": FULL[:2]}
ON_CPUS = {"coin_search": ("coin_embedding", "search"), "coin_embedding": ("coin_embedding",)}
INSIDE = [WAIT, *(step.name for step in STEPS[COIN_EMBEDDING])]


def counts(requests: int, ms: float, executions: int | None = None) -> dict[str, int]:
    """Each part takes the same time for each request."""
    parts = {f"{part} ns": int(requests * ms * 1e6) for part in PARTS}
    executions = requests if executions is None else executions
    return {
        **parts,
        "requests": requests,
        "success ns": int(4 * requests * ms * 1e6),
        "pictures": requests,
        "executions": executions,
        "busy ns": int(3 * executions * ms * 1e6),
    }


@pytest.fixture
def readings() -> tuple[Reading, Reading]:
    """Ten photos in two seconds, with an ensemble of steps."""
    before = {"coin_search": counts(10, 1.0), "decode": counts(10, 5.0), "segmentation": counts(20, 1.0)}
    after = {
        "coin_search": counts(20, 1.0) | {"success ns": before["coin_search"]["success ns"] + int(10 * 100e6)},
        "decode": counts(20, 5.0),
        "segmentation": counts(40, 1.0, executions=25),
        "catalog": counts(3, 1.0),
    }
    return Reading(1.0, before, {}), Reading(3.0, after, {})


@pytest.fixture
def chained() -> Breakdown:
    """Six photos searched and four embedded, with one model that takes all steps; it has reported 8 of the 10."""
    before = Reading(0.0, {}, {PHOTOS: 5.0, **dict.fromkeys(INSIDE, 1.0)})
    after = {"coin_search": counts(6, 10.0), "coin_embedding": counts(10, 7.5), "search": counts(6, 1.0)}
    reported = {PHOTOS: 13.0, **{step: 1.0 + 8 * 1e-3 * number for number, step in enumerate(INSIDE)}}
    return break_down(before, Reading(2.0, after, reported), ON_CPUS, "host:8002")


def test_times_are_per_photo_in_the_order_of_the_pipeline(readings: tuple[Reading, Reading]) -> None:
    result = break_down(*readings, ON_GPUS)
    decode, segmentation = result.models
    assert (decode.model, segmentation.model) == ("decode", "segmentation")
    assert result.photos == 10
    assert (decode.calls, segmentation.calls) == (1.0, 2.0)
    assert decode.queue == decode.compute_infer == pytest.approx(5.0)
    assert segmentation.total == pytest.approx(8.0)
    assert segmentation.batch == pytest.approx(20 / 5)
    assert result.latency == pytest.approx(100.0)
    assert result.between == pytest.approx(100.0 - 20.0 - 8.0)
    assert decode.busy == pytest.approx(10 * 0.015 / 2.0)
    assert "of which" not in result.text()


def test_a_photo_counts_once_where_a_model_of_an_ensemble_is_asked_for_too(chained: Breakdown) -> None:
    assert chained.photos == 10
    assert chained.latency == pytest.approx((6 * 40.0 + 4 * 30.0) / 10)
    assert [(each.model, each.calls) for each in chained.models] == [("coin_embedding", 1.0), ("search", 0.6)]


def test_steps_inside_a_model_add_up_to_its_compute_time(chained: Breakdown) -> None:
    assert chained.inside == pytest.approx({step: float(number) for number, step in enumerate(INSIDE)})
    parts = chained.parts_inside(chained.models[0])
    assert list(parts) == [*INSIDE, "the rest"]
    assert sum(parts.values()) == pytest.approx(7.5)
    assert chained.parts_inside(chained.models[1]) == {}
    rows = [line.split("|")[1].strip() for line in chained.text().splitlines() if line.startswith("|")]
    assert rows[2:5] == ["coin_embedding", "of which wait", "of which decode"]


def test_their_bars_lie_below_its_compute_time(chained: Breakdown) -> None:
    names = [bar.name for bar in bars(chained)]
    assert names == ["coin_embedding", *INSIDE, "the rest", "search", "between the models"]
    first, second, third = bars(chained)[1:4]
    assert first.start == pytest.approx(15.0)
    assert (second.start, third.start) == pytest.approx((first.end, second.end))


def test_steps_that_are_not_reported_are_no_failure() -> None:
    after = {"coin_search": counts(6, 10.0), "coin_embedding": counts(6, 7.5), "search": counts(6, 1.0)}
    result = break_down(Reading(0.0, {}, {}), Reading(2.0, after, {}), ON_CPUS, "host:8002")
    assert "of which: not reported by host:8002" in result.text()
    assert [bar.name for bar in bars(result)] == ["coin_embedding", "search", "between the models"]


def test_it_can_be_read_kept_and_looked_at(chained: Breakdown, tmp_path: Path) -> None:
    assert "between the models" in chained.text()
    save(chained, tmp_path / "load" / "breakdown")
    kept = json.loads((tmp_path / "load" / "breakdown.json").read_text())
    assert (kept["photos"], kept["inside"]["zoom"]) == (10, pytest.approx(4.0))
    assert (tmp_path / "load" / "breakdown.png").stat().st_size > 10_000


def test_nothing_to_break_down_is_said(readings: tuple[Reading, Reading]) -> None:
    with pytest.raises(ValueError, match="nothing to break down"):
        break_down(readings[1], readings[1], ON_GPUS)


class Metrics(BaseHTTPRequestHandler):
    TEXT = f"""\
# HELP {SECONDS} Time that a step of the chain took
# TYPE {SECONDS} counter
{SECONDS}{{step="crop"}} 0.1071044790005544
{SECONDS}{{step="decode"}} 1e-05
nv_inference_count{{model="decode",version="1"}} 3
# TYPE {PHOTOS} counter
{PHOTOS} 6
"""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.TEXT.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def metrics() -> Iterator[str]:
    """HOST:PORT of a server with metrics in Triton's form."""
    with HTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_steps_are_read_among_other_metrics(metrics: str) -> None:
    assert read_inside(metrics) == {"crop": 0.1071044790005544, "decode": 1e-05, PHOTOS: 6.0}


def test_metrics_are_looked_for_beside_the_server() -> None:
    assert metrics_beside("gpu-host:8001") == "gpu-host:8002"
    assert metrics_beside("[::1]:9001") == "[::1]:8002"
