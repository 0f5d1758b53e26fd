"""Ratios are taken within a round and compared with the aims."""

from pathlib import Path

import pytest

from loadtest.compare.aims import verdicts
from loadtest.compare.figures import MEASURES, Comparison, Run, draw, spread


def run(contender: str, concurrency: int, turn: int, throughput: float, p50: float) -> Run:
    return Run(contender, concurrency, turn, throughput, p50, 2 * p50, 3 * p50, 0.2, 1000.0, {})


@pytest.fixture
def comparison() -> Comparison:
    """Runs on a machine that slows down from round to round: the ratios stay."""
    runs = []
    for turn, speed in enumerate((10.0, 5.0, 2.0)):
        for concurrency in (1, 4):
            runs += [
                run("mintmark", concurrency, turn, speed, 1000 / speed),
                run("bare", concurrency, turn, 1.25 * speed, 800 / speed),
                run("fastapi + onnx", concurrency, turn, 0.5 * speed, 2000 / speed),
            ]
    return Comparison(2, runs)


def test_ratios_hold_where_the_machine_does_not(comparison: Comparison) -> None:
    ratio = comparison.ratio("fastapi + onnx", "mintmark", 4, MEASURES["photos/s"])
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((0.5, 0.5, 0.5))


def test_aims_are_held_against_those_who_took_part(comparison: Comparison) -> None:
    rows = {row[0]: row[1:] for row in verdicts(comparison)}
    assert rows["photos/s over bare, 4 under way"] == ["≥ 0.9", "0.8", "MISSED"]
    assert rows["p50 ms over bare, 1 under way"] == ["≤ 1.15", "1.25", "MISSED"]
    assert rows["photos/s over fastapi + onnx, 4 under way"] == ["≥ 1", "2", "holds"]
    assert not any("separate" in title for title in rows), "who did not take part is not judged"


def test_a_spread_tells_least_and_most() -> None:
    assert str(spread([3.0, 1.0, 2.0])) == "2 [1 … 3]"
    assert str(spread([2.0])) == "2"
    assert str(spread([float("nan")])) == "-"


def test_the_tables_name_everybody_and_failures(comparison: Comparison) -> None:
    comparison.runs.append(Run("mintmark", 16, 3, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, {"ServerBusy": 2}))
    text = Comparison(2, comparison.runs[-1:]).text()
    assert "failures: mintmark, 16 under way, round 3: {'ServerBusy': 2}" in text
    assert all(name in Comparison(2, comparison.runs[:-1]).text() for name in comparison.names)


def test_it_comes_back_from_its_file(comparison: Comparison, tmp_path: Path) -> None:
    comparison.save(tmp_path / "new" / "compare.json", seconds=1.0)
    assert Comparison.load(tmp_path / "new" / "compare.json") == comparison


def test_the_picture_is_drawn(comparison: Comparison, tmp_path: Path) -> None:
    draw(comparison, tmp_path / "compare.png")
    assert (tmp_path / "compare.png").stat().st_size > 10_000
