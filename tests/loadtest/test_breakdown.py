"""Differences of Triton's counters become shares of a photo's latency."""

import json
from pathlib import Path

import pytest

from loadtest.breakdown import PARTS, Counts, between


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
def readings() -> tuple[Counts, Counts]:
    before = {"coin_search": counts(10, 1.0), "decode": counts(10, 5.0), "segmentation": counts(20, 1.0)}
    after = {
        "coin_search": counts(20, 1.0) | {"success ns": before["coin_search"]["success ns"] + int(10 * 100e6)},
        "decode": counts(20, 5.0),
        "segmentation": counts(40, 1.0, executions=25),
        "catalog": counts(3, 1.0),
    }
    return before, after


def test_shares_are_per_photo_in_the_order_of_the_pipeline(readings: tuple[Counts, Counts]) -> None:
    result = between(*readings, seconds=2.0)
    decode, segmentation = result.shares
    assert (decode.model, segmentation.model) == ("decode", "segmentation")
    assert result.photos == 10
    assert (decode.calls, segmentation.calls) == (1.0, 2.0)
    assert decode.queue == decode.compute_infer == pytest.approx(5.0)
    assert segmentation.total == pytest.approx(8.0)
    assert segmentation.batch == pytest.approx(20 / 5)
    assert result.latency == pytest.approx(100.0)
    assert result.between == pytest.approx(100.0 - 20.0 - 8.0)
    assert decode.busy == pytest.approx(10 * 0.015 / 2.0)


def test_it_can_be_read_kept_and_looked_at(readings: tuple[Counts, Counts], tmp_path: Path) -> None:
    result = between(*readings, seconds=2.0)
    assert "between the steps" in result.text()
    result.save(tmp_path / "load" / "breakdown")
    assert json.loads((tmp_path / "load" / "breakdown.json").read_text())["photos"] == 10
    assert (tmp_path / "load" / "breakdown.png").stat().st_size > 10_000


def test_nothing_to_break_down_is_said(readings: tuple[Counts, Counts]) -> None:
    with pytest.raises(ValueError, match="nothing to break down"):
        between(readings[1], readings[1], 1.0)
