"""The cost of the gateway, measured once and small; no figure is judged."""

import argparse
import json
from pathlib import Path

import pytest

from loadtest.browsers import Camera, Poster, RefusedError
from loadtest.gateway.__main__ import lines, main
from loadtest.gateway.measure import DIRECT, FRAMES, POSTED, gateway, in_turn, summary, ways
from loadtest.host import Host
from loadtest.locust.run import GATEWAYFILE, common, headless, read_rows, run_locust


def test_what_is_added_is_the_median_of_each_photos() -> None:
    taken = {DIRECT: [10.0, 20.0, 30.0], POSTED: [11.0, 22.0, 33.0], FRAMES: [10.5, 20.5, 30.5]}
    direct, posted, frames = summary(taken, {DIRECT: 100.0, POSTED: 90.0, FRAMES: 95.0})
    assert (direct.added_ms, posted.added_ms, frames.added_ms) == (0, 2, 0.5)
    assert (posted.p50_ms, posted.throughput) == (22, 90)
    row = lines([direct, posted, frames], 4)[3].split("|")
    assert [cell.strip() for cell in row[1:-1]] == ["POST", "22", "2", "1.100", "90", "0.900"]


@pytest.mark.server
def test_all_ways_answer_the_same(there: Host) -> None:
    photo = there.queries[0]
    with gateway(there.url) as address, ways(there.url, address) as asks:
        assert all(len(one) == 2 for one in in_turn(asks, there.queries, 2).values())
        best = asks[DIRECT](photo).matches[0].entry.id  # type: ignore[attr-defined]
        posted, frame = Poster(address), Camera(address)
        assert posted.ask(photo)["coin"]["matches"][0]["entry"]["id"] == best
        assert frame.ask(photo)["matches"][0]["entry"]["id"] == best
        for client in (posted, frame):
            with pytest.raises(RefusedError, match="urn:mintmark:invalid-photo"):
                client.ask(b"no photo")
            client.close()


@pytest.mark.server
def test_the_command(there: Host, options: argparse.Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    out = Path("gateway.json")
    words = ["--url", there.url, "--coins", str(options.coins), "--photo-size", str(options.photo_size)]
    words += ["--photos-each", "3", "--callers", "2", "--seconds", "0.5", "--rounds", "1", "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "| POST " in said and "frames of 2 phones" in said
    figures = json.loads(out.read_text())
    assert [way["name"] for way in figures["ways"]] == [DIRECT, POSTED, FRAMES]
    assert sum(figures["shares"]) == pytest.approx(1)


@pytest.mark.server
def test_users_of_the_gateway(there: Host, options: argparse.Namespace, tmp_path: Path) -> None:
    with gateway(there.url) as address:
        words = [*headless("3s"), *common(options, 4), "--error-limit", "0"]
        assert run_locust(GATEWAYFILE, address, words, tmp_path / "locust.json") == 0
    rows = {row.name: row for row in read_rows(tmp_path / "locust.json")}
    assert {"POST recognize", "frame"} <= set(rows) and rows["Aggregated"].failures == 0
