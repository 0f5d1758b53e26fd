"""The estimate of cards and slices: work is counted exactly, and more of a card is never slower."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from loadtest.planning.slices import CARDS, STEPS, Assumed, server_bytes, slices_text, times_of
from loadtest.planning.work import Work, count

A100 = next(card for card in CARDS if card.name == "A100 40 GB")
WORKS = [Work(step.name, 10**9, 10**7, 100, 10**6, 10**6) for step in STEPS]


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A convolution of 3 to 8 channels with 3x3 on 16x16 px, a mean, and a product with a matrix [8, 5]."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["c", "axes"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "v"], ["y"]),
    ]
    weights = [
        helper.make_tensor("w", TensorProto.FLOAT, [8, 3, 3, 3], [0.0] * 216),
        helper.make_tensor("v", TensorProto.FLOAT, [8, 5], [0.0] * 40),
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims])
        for name, dims in (("x", [3, 16, 16]), ("y", [5]))
    ]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def test_the_work_of_a_graph_is_counted(graph: Path) -> None:
    work = count("it", graph)
    assert work.operations == 2 * (8 * 16 * 16 * 27 + 8 * 5)
    assert work.moved == 2 * (8 * 16 * 16 + 8 + 5)
    assert work.largest == 2 * 8 * 16 * 16
    assert (work.operators, work.weights) == (3, 2 * (216 + 40 + 2))


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make models"):
        count("it", tmp_path / "model.onnx")


def test_a_step_takes_what_bounds_it() -> None:
    assumed = Assumed(compute=1.0, bandwidth=1.0, fused=1.0, launch=1e-6)
    computes = replace(WORKS[0], operations=10**12, moved=0, weights=0)
    moves = replace(WORKS[0], operations=0, moved=10**9, weights=0)
    for work, seconds in ((computes, 10**12 / A100.operations), (moves, 2 * 10**9 / A100.bandwidth)):
        (step,) = times_of([work], A100, 1.0, 1.0, 16, assumed).steps
        assert step.seconds[1] == pytest.approx(seconds + 100 * 1e-6)
        assert step.seconds[4] == pytest.approx(4 * seconds + 100 * 1e-6), "one launch for all of a batch"


def test_less_of_a_card_takes_longer() -> None:
    whole, slice_of = (times_of(WORKS, A100, *share, 16, Assumed()).steps for share in ((1.0, 1.0), (1 / 7, 1 / 8)))
    for large, small in zip(whole, slice_of, strict=True):
        assert all(small.seconds[size] > large.seconds[size] for size in large.seconds)


def test_a_server_takes_memory_for_its_catalog() -> None:
    few, many = (server_bytes(WORKS, Assumed(entries=entries), 8) for entries in (0, 10**6))
    assert many - few == pytest.approx(10**6 * Assumed().entry_bytes)


@pytest.mark.slow
def test_all_cards_are_told_with_what_is_assumed() -> None:
    text = slices_text(WORKS, Assumed(), 100.0, 200)
    assert all(card.name in text for card in CARDS)
    assert "H200 141 GB, 1g" in text and "Assumed, not measured" in text
    nothing_fits = slices_text(WORKS, Assumed(entries=10**9), 100.0, 50)
    assert {row.split("|")[-2].strip() for row in nothing_fits.splitlines() if row.startswith("| T4")} == {"0"}
