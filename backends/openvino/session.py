"""Answers requests with OpenVINO on the CPU. It needs no Triton, so tests can use it.

Photos are inferred one by one. On a CPU a batch takes as long as its photos do one after the other, and for every batch
size OpenVINO has to prepare the graph again.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino

from backends.session import Session

PRECISIONS = ("f32", "auto")
AGREEMENT = 0.1  # bfloat16 is used if it lies no farther from float32 than this, relative to the output's length

Arrays = dict[str, np.ndarray]


class OpenVinoSession(Session):
    """One compiled graph.

    Args:
        model: ONNX file.
        inputs, outputs: tensor names that the graph must have.
        threads: numbers of CPU threads to compile the graph for, most first; 0 lets OpenVINO choose.
        precision: 'f32'; or 'auto' for bfloat16, if the CPU has it and the results agree.
        cache: folder for compiled models; '' for none.

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
    ) -> None:
        if not model.is_file():
            raise ValueError(f"{model} is missing: run python build/install_models.py")
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; use one of {', '.join(PRECISIONS)}")
        self._core = openvino.Core()
        self._core.set_property({"CACHE_DIR": cache} if cache else {})
        self._threads = threads[0]
        self._outputs = list(outputs)
        graph = self._core.read_model(model)  # not kept: it holds a second copy of all weights
        _check_names(model, graph, inputs, outputs)
        graph.reshape({port.get_any_name(): [1, *port.partial_shape[1:]] for port in graph.inputs})
        self.precision = "f32"
        compiled = self._compile(graph, threads[0], "f32")
        if precision == "auto" and "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            compiled = self._try_bf16(graph, compiled)
        self._requests = {threads[0]: compiled.create_infer_request()}
        for count in threads[1:]:
            self._requests[count] = self._compile(graph, count, self.precision).create_infer_request()

    def _compile(self, graph: openvino.Model, threads: int, precision: str) -> openvino.CompiledModel:
        # Not pinned: OpenVINO would pin all processes that use one core each to the same core.
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        return self._core.compile_model(graph, "CPU", settings)

    def _try_bf16(self, graph: openvino.Model, exact: openvino.CompiledModel) -> openvino.CompiledModel:
        """The graph in bfloat16 if its answers agree with float32, else the float32 one."""
        quick = self._compile(graph, self._threads, "bf16")
        picture = _picture(exact.inputs[0].partial_shape[2].get_length())
        if not agrees(*(list(compiled(picture).values()) for compiled in (exact, quick))):
            return exact
        self.precision = "bf16"
        return quick

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


def _check_names(model: Path, graph: openvino.Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for kind, ports, wanted in (("inputs", graph.inputs, inputs), ("outputs", graph.outputs, outputs)):
        found = [port.get_any_name() for port in ports]
        if sorted(found) != sorted(wanted):
            raise ValueError(f"{model}: {kind} are {sorted(found)}, the config says {sorted(wanted)}")
