"""Answers requests with OpenVINO on the CPU. It needs no Triton, so tests can use it.

Photos are inferred one by one. On a CPU a batch takes as long as its photos do one after the other, and for every batch
size OpenVINO has to prepare the graph again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino

from backends.openvino.compiled import CPU, INT8, kept_or_compiled, settings
from backends.session import Session

PRECISIONS = ("f32", "auto")
AGREEMENT = 0.1  # bfloat16 is used if it lies no farther from float32 than this, relative to the output's length
NEARNESS = 0.02  # int8 is used if its probabilities lie no farther from those of float32 than this, in the mean

Arrays = dict[str, np.ndarray]


class OpenVinoSession(Session):
    """One compiled graph.

    Args:
        model: ONNX file.
        inputs, outputs: tensor names that the graph must have.
        threads: numbers of CPU threads to compile the graph for, most first; 0 lets OpenVINO choose.
        precision: 'f32'; or 'auto' for int8, or for bfloat16 if the CPU has it, where the results agree with float32.
        cache: folder for compiled models; '' for none.
        quantized: ONNX file of the same graph in int8, of a network whose outputs are probabilities; None for none.

    Raises:
        ValueError: the file is missing, its tensors have other names, or the precision is not one of PRECISIONS.
    """

    def __init__(
        self,
        model: Path,
        inputs: Sequence[str],
        outputs: Sequence[str],
        threads: Sequence[int] = (0,),
        precision: str = "f32",
        cache: str = "",
        quantized: Path | None = None,
    ) -> None:
        if not model.is_file():
            raise ValueError(f"{model} is missing: run python build/install_models.py")
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; use one of {', '.join(PRECISIONS)}")
        core = openvino.Core()
        core.set_property({"CACHE_DIR": ""})
        self._outputs = list(outputs)
        # Which of them it is, is decided where the graph is compiled.
        if precision == "f32":
            quantized = None
        choice = [precision] if precision == "f32" else ["f32", "bf16", *([INT8] if quantized else [])]
        files = [model, *([quantized] if quantized else [])]
        check = partial(_check_names, model, inputs=inputs, outputs=outputs)
        make = partial(_compile, core, model, quantized, precision, check)
        self._compiled = kept_or_compiled(core, files, choice, cache, make)
        self.precision = self._compiled.precision
        opened = {count: self._compiled.open(core, count) for count in threads}
        check(opened[threads[0]])
        self._requests = {count: compiled.create_infer_request() for count, compiled in opened.items()}

    def run(self, feeds: Sequence[Arrays], threads: int | None = None) -> list[Arrays]:
        """Answer several requests; see `Session`. Outputs are float32.

        Args:
            feeds: per request, its inputs by name, each [B, …].
            threads: the most CPU threads to use; None uses all.
        """
        request = self._requests[
            max((n for n in self._requests if threads is None or n <= threads), default=min(self._requests))
        ]
        return [self._answer(request, feed) for feed in feeds]

    def _answer(self, request: openvino.InferRequest, feed: Arrays) -> Arrays:
        rows = []
        for row in range(len(next(iter(feed.values())))):
            results = request.infer({name: array[row : row + 1] for name, array in feed.items()}, share_inputs=True)
            rows.append({name: results[name] for name in self._outputs})
        return {name: _stacked([row[name] for row in rows]) for name in self._outputs}


def _compile(
    core: openvino.Core,
    model: Path,
    quantized: Path | None,
    precision: str,
    check: Callable[[openvino.CompiledModel], None],
) -> tuple[openvino.CompiledModel, str]:
    """The graph for one photo at a time, in the quickest precision that it may have and whose answers agree.

    `check` refuses a graph of other tensors than it should have, before another is taken in its place.
    """

    def compiled(file: Path, precision: str) -> openvino.CompiledModel:
        graph = core.read_model(file)
        graph.reshape({port.get_any_name(): [1, *port.partial_shape[1:]] for port in graph.inputs})
        return core.compile_model(graph, CPU, settings(precision))

    exact = compiled(model, "f32")
    check(exact)
    if precision == "f32":
        return exact, "f32"
    others = [(quantized, INT8, near)] if quantized else []
    if "BF16" in core.get_property(CPU, "OPTIMIZATION_CAPABILITIES"):
        others.append((model, "bf16", agrees))
    for file, other, alike in others:
        quick = compiled(file, other)
        picture = _picture(exact.inputs[0].partial_shape[2].get_length())
        if alike(*(list(each(picture).values()) for each in (exact, quick))):
            return quick, other
    return exact, "f32"


def near(exact: Sequence[np.ndarray], quick: Sequence[np.ndarray]) -> bool:
    """Whether the probabilities of every array of `quick` lie within NEARNESS of its counterpart's, in the mean."""
    differences = [np.abs(a - b).mean() for a, b in zip(exact, quick, strict=True)]
    return all(difference <= NEARNESS for difference in differences)  # NaN is not


def agrees(exact: Sequence[np.ndarray], quick: Sequence[np.ndarray]) -> bool:
    """Whether every array of `quick` is finite and lies within AGREEMENT of its counterpart."""
    pairs = list(zip(exact, quick, strict=True))
    if not all(np.isfinite(a).all() and np.isfinite(b).all() for a, b in pairs):
        return False
    return all(float(np.linalg.norm(a - b)) <= AGREEMENT * float(np.linalg.norm(a)) for a, b in pairs)


def _picture(size: int) -> np.ndarray:
    """A disc with soft spots, [1, 3, size, size]. Plain noise looks like no photo, so it would test the wrong thing."""
    spots = np.random.default_rng(0).normal(size=(1, 3, size // 8, size // 8)).astype(np.float32)
    line = (np.arange(size) - (size - 1) / 2) / (size / 2)
    return spots.repeat(8, axis=2).repeat(8, axis=3) * (line**2 + line[:, None] ** 2 < 0.88).astype(np.float32)


def _stacked(rows: list[np.ndarray]) -> np.ndarray:
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _check_names(model: Path, graph: openvino.CompiledModel, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for kind, ports, wanted in (("inputs", graph.inputs, inputs), ("outputs", graph.outputs, outputs)):
        found = [port.get_any_name() for port in ports]
        if sorted(found) != sorted(wanted):
            raise ValueError(f"{model}: {kind} are {sorted(found)}, the config says {sorted(wanted)}")
