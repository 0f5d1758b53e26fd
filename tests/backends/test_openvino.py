"""An OpenVINO session answers several requests, and refuses graphs that differ from the config."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from backends.openvino import session as session_module
from backends.openvino.compiled import INT8
from backends.openvino.session import AGREEMENT, NEARNESS, OpenVinoSession, agrees, near

Feed = dict[str, np.ndarray]


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Sum = a + b over the last axis; product = 2 a, with any batch."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("ReduceSum", ["c", "axis"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["a", "two"], ["product"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
        for name, size in (("a", 3), ("b", 3), ("sum", 1), ("product", 3))
    ]
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "sums", ports[:2], ports[2:], constants),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.fixture
def session(graph: Path) -> OpenVinoSession:
    return OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1])


def feed(batch: int, seed: int) -> Feed:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(batch, 3)).astype(np.float32) for name in ("a", "b")}


def check(answer: Feed, given: Feed) -> None:
    assert set(answer) == {"sum", "product"}
    np.testing.assert_allclose(answer["sum"], (given["a"] + given["b"]).sum(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(answer["product"], 2 * given["a"], atol=1e-6)
    assert answer["sum"].dtype == np.float32


@pytest.mark.parametrize("batches", [[1], [5], [1, 1, 1], [3, 1, 4, 2], [8, 8]])
def test_requests_are_joined_and_split_right(session: OpenVinoSession, batches: list[int]) -> None:
    feeds = [feed(batch, seed) for seed, batch in enumerate(batches)]
    answers = session.run(feeds)
    assert len(answers) == len(feeds)
    for answer, given in zip(answers, feeds, strict=True):
        check(answer, given)


def test_requests_may_name_their_inputs_in_any_order(session: OpenVinoSession) -> None:
    first, second = feed(2, 0), feed(3, 1)
    answers = session.run([first, {"b": second["b"], "a": second["a"]}])
    check(answers[0], first)
    check(answers[1], second)


def test_answers_outlive_the_next_inference(session: OpenVinoSession) -> None:
    given = feed(2, 0)
    (answer,) = session.run([given])
    session.run([feed(2, 1)])
    check(answer, given)


def test_inputs_are_not_changed(session: OpenVinoSession) -> None:
    given = feed(2, 0)
    before = {name: array.copy() for name, array in given.items()}
    session.run([given])
    assert all(np.array_equal(given[name], before[name]) for name in before)


def test_inputs_that_do_not_lie_in_one_piece(session: OpenVinoSession) -> None:
    wide = np.arange(24, dtype=np.float32).reshape(4, 6)
    given = {"a": wide[:, ::2], "b": wide[::-1, :3]}
    check(session.run([given])[0], given)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (["a"], ["sum", "product"], r"inputs are \['a', 'b'\], the config says \['a'\]"),
        (["a", "x"], ["sum", "product"], r"inputs are \['a', 'b'\], the config says \['a', 'x'\]"),
        (["a", "b"], ["sum"], r"outputs are \['product', 'sum'\], the config says \['sum'\]"),
        (["a", "b"], ["sum", "product", "c"], r"outputs are .* says \['c', 'product', 'sum'\]"),
    ],
)
def test_other_names_than_the_configs(graph: Path, inputs: list[str], outputs: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=rf"model\.onnx: {message}"):
        OpenVinoSession(graph, inputs, outputs)


def test_names_may_come_in_any_order(graph: Path) -> None:
    given = feed(2, 0)
    check(OpenVinoSession(graph, ["b", "a"], ["product", "sum"], threads=[1]).run([given])[0], given)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.onnx is missing: run python build/install_models\.py"):
        OpenVinoSession(tmp_path / "none.onnx", [], [])


@pytest.mark.parametrize("precision", ["", "F32", "bf16", "fp16", "int8"])
def test_an_unknown_precision(graph: Path, precision: str) -> None:
    with pytest.raises(ValueError, match=f"precision is '{precision}'; use one of f32, auto"):
        OpenVinoSession(graph, ["a", "b"], ["sum", "product"], precision=precision)


def test_a_compiled_graph_is_kept_and_used_again(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, given = tmp_path / "cache", feed(2, 0)

    def opened() -> OpenVinoSession:
        return OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[2, 1], cache=str(cache))

    check(opened().run([given])[0], given)
    (kept,) = cache.iterdir()
    state = kept.stat()
    monkeypatch.setattr(session_module, "_compile", lambda *_: pytest.fail("compiled again"))
    again = opened()
    check(again.run([given])[0], given)
    check(again.run([given], threads=1)[0], given)
    assert [path.stat() for path in cache.iterdir()] == [state], "it is only read"


def test_another_graph_of_the_same_name_is_compiled(graph: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1], cache=str(cache))
    changed = onnx.load(graph)
    next(each for each in changed.graph.initializer if each.name == "two").float_data[0] = 3.0
    onnx.save(changed, graph)
    given = feed(1, 0)
    (answer,) = OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1], cache=str(cache)).run([given])
    np.testing.assert_allclose(answer["product"], 3 * given["a"], atol=1e-6)
    assert len(list(cache.iterdir())) == 2


def test_processes_that_compile_at_once(graph: Path, tmp_path: Path) -> None:
    """Each writes the whole file, and none sees half of another's."""
    code = (
        "import sys; from pathlib import Path; from backends.openvino.session import OpenVinoSession; "
        "OpenVinoSession(Path(sys.argv[1]), ['a', 'b'], ['sum', 'product'], [1], cache=sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(graph), str(tmp_path / "cache")]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_kept_graph_that_cannot_be_read_is_compiled_again(graph: Path, tmp_path: Path) -> None:
    cache, given = tmp_path / "cache", feed(1, 0)
    OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1], cache=str(cache))
    (kept,) = cache.iterdir()
    for content in (b"", b"nonsense" * 100, kept.read_bytes()[: kept.stat().st_size // 2]):
        kept.unlink()
        kept.write_bytes(content)
        session = OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1], cache=str(cache))
        check(session.run([given])[0], given)


def test_a_folder_that_cannot_be_written_is_done_without(graph: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    given = feed(1, 0)
    session = OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1], cache=str(tmp_path / "cache"))
    check(session.run([given])[0], given)


def test_no_cache_is_left_where_none_is_wanted(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[1])
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.fixture
def picture_graph(tmp_path: Path) -> Callable[[float], Path]:
    """Maker of a graph from [B, 3, 256, 256] to its mean plus an offset: agrees in bfloat16 unless that cancels."""

    def make(offset: float) -> Path:
        nodes = [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Add", ["mean", "offset"], ["answer"]),
        ]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 256, 256])
        answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", 1, 1, 1])
        constant = helper.make_tensor("offset", TensorProto.FLOAT, [1, 1, 1, 1], [offset])
        model = helper.make_model(
            helper.make_graph(nodes, "mean", [image], [answer], [constant]),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
        )
        onnx.save(model, tmp_path / "picture.onnx")
        return tmp_path / "picture.onnx"

    return make


def test_precision_auto_answers_like_float32(picture_graph: Callable[[float], Path]) -> None:
    path = picture_graph(3.0)
    session = OpenVinoSession(path, ["image"], ["answer"], threads=[1], precision="auto")
    assert session.precision in ("f32", "bf16")
    image = np.random.default_rng(1).normal(size=(2, 3, 256, 256)).astype(np.float32)
    (answer,) = session.run([{"image": image}])
    expected = image.mean(axis=(1, 2, 3)) + 3
    np.testing.assert_allclose(answer["answer"].reshape(-1), expected, rtol=AGREEMENT)


def test_precision_f32_stays(picture_graph: Callable[[float], Path]) -> None:
    assert OpenVinoSession(picture_graph(3.0), ["image"], ["answer"], threads=[1], precision="f32").precision == "f32"


def scaled(factor: float) -> onnx.ModelProto:
    """The sigmoid of the mean of a picture times a factor."""
    nodes = [
        helper.make_node("Mul", ["image", "factor"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Sigmoid", ["mean"], ["answer"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 256, 256])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", 1, 1, 1])
    constant = helper.make_tensor("factor", TensorProto.FLOAT, [1, 1, 1, 1], [factor])
    graph = helper.make_graph(nodes, "scaled", [image], [answer], [constant])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize(("factor", "precision"), [(1.01, INT8), (-400.0, "float"), (float("nan"), "float")])
@pytest.mark.parametrize("kept", [False, True])
def test_int8_is_computed_in_where_it_agrees(tmp_path: Path, factor: float, precision: str, kept: bool) -> None:
    for name, own in (("model.onnx", 1.0), ("model.int8.onnx", factor)):
        onnx.save(scaled(own), tmp_path / name)
    picture = np.full((1, 3, 256, 256), 0.5, np.float32)

    def opened(asked: str = "auto") -> OpenVinoSession:
        files, cache = (tmp_path / "model.onnx", tmp_path / "model.int8.onnx"), str(tmp_path / "cache") if kept else ""
        return OpenVinoSession(files[0], ["image"], ["answer"], [1], asked, cache, quantized=files[1])

    for _ in range(2):  # compiled, and as it was kept
        session = opened()
        assert session.precision == precision or (precision == "float" and session.precision in ("f32", "bf16"))
        (answer,) = session.run([{"image": picture}])
        expected = 1 / (1 + np.exp(-0.5 * (factor if precision == INT8 else 1.0)))
        assert answer["answer"].item() == pytest.approx(expected, abs=1e-4 if precision == INT8 else 1e-2)
    assert opened("f32").precision == "f32", "what asks for float32 gets it"


@pytest.mark.parametrize(
    ("quick", "alike"),
    [
        (np.full(100, 0.5, np.float32), True),
        (np.full(100, 0.5 + 0.9 * NEARNESS, np.float32), True),
        (np.full(100, 0.5 - 1.1 * NEARNESS, np.float32), False),
        (np.full(100, np.nan, np.float32), False),
    ],
)
def test_probabilities_that_are_near(quick: np.ndarray, alike: bool) -> None:
    exact = np.full(100, 0.5, np.float32)
    assert near([exact], [quick]) is alike
    assert near([exact, exact], [exact, quick]) is alike


EXACT = np.array([1.0, -4.0, 2.0], np.float32)


def nudged(by: float, place: int = 0) -> np.ndarray:
    """EXACT with one element off, by a part of its length."""
    changed = EXACT.copy()
    changed[place] += by * float(np.linalg.norm(EXACT))
    return changed


@pytest.mark.parametrize(
    ("quick", "agree"),
    [
        (EXACT, True),
        (nudged(0.9 * AGREEMENT), True),
        (nudged(-0.9 * AGREEMENT, 2), True),
        (nudged(1.1 * AGREEMENT), False),
        (nudged(-1.1 * AGREEMENT, 1), False),
        (np.zeros(3, np.float32), False),
        (np.array([1.0, -4.0, np.nan], np.float32), False),
        (np.full(3, np.nan, np.float32), False),
        (np.array([1.0, -4.0, np.inf], np.float32), False),
    ],
)
def test_agreement(quick: np.ndarray, agree: bool) -> None:
    assert agrees([EXACT], [quick]) is agree
    assert agrees([EXACT, EXACT], [EXACT, quick]) is agree
    assert agrees([EXACT, EXACT], [quick, EXACT]) is agree


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_an_exact_answer_that_is_not_finite_agrees_with_nothing(broken: float) -> None:
    exact = np.array([1.0, broken, 2.0], np.float32)
    for quick in (EXACT, exact, np.full(3, np.nan, np.float32)):
        assert not agrees([exact], [quick])


def test_zeros_agree_with_zeros_only() -> None:
    zeros = np.zeros(4, np.float32)
    assert agrees([zeros], [zeros])
    assert not agrees([zeros], [zeros + np.float32(1e-3)])


def test_another_number_of_outputs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        agrees([EXACT, EXACT], [EXACT])


def test_each_inference_may_run_on_fewer_threads(graph: Path) -> None:
    session = OpenVinoSession(graph, ["a", "b"], ["sum", "product"], threads=[8, 4, 2])
    feed = {"a": np.ones((1, 3), np.float32), "b": np.ones((1, 3), np.float32)}
    for threads in (None, 1, 2, 3, 8, 9):
        (answer,) = session.run([feed], threads)
        assert answer["sum"].item() == 6.0
