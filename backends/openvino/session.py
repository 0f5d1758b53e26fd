"""An OpenVINO model that answers several requests with one inference; free of Triton, so that tests can use it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino

AGREEMENT = 0.1  # largest distance to float32, relative to the output's length, at which bfloat16 is used

Arrays = dict[str, np.ndarray]


class Session:
    """One compiled graph.

    Args:
        model: ONNX file.
        inputs, outputs: tensor names that the graph must have.
        threads: CPU threads; 0 leaves it to OpenVINO. The graph is also compiled for every smaller power of two where
            `fewer` is set, so that each inference may run on fewer.
        precision: 'f32', or 'auto' for the CPU's bfloat16 where it has it and the results agree.
        cache: folder for compiled models; '' for none.

    Raises:
        ValueError: the file is missing, its tensors have other names, or the precision is unknown.
    """

    def __init__(
        self,
        model: Path,
        inputs: Sequence[str],
        outputs: Sequence[str],
        threads: int = 0,
        precision: str = "f32",
        cache: str = "",
        fewer: bool = False,
    ) -> None:
        if not model.is_file():
            raise ValueError(f"{model} is missing: run python build/install_models.py")
        if precision not in ("f32", "auto"):
            raise ValueError(f"precision is {precision!r}; use 'f32' or 'auto'")
        self._core = openvino.Core()
        self._core.set_property({"CACHE_DIR": cache} if cache else {})
        self._threads = threads
        self._outputs = list(outputs)
        self._graph = self._core.read_model(model)
        _check_names(model, self._graph, inputs, outputs)
        self.precision = "f32"
        compiled = self._compile(threads, "f32")
        if precision == "auto" and "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            compiled = self._try_bf16(compiled)
        self._requests = {threads: compiled.create_infer_request()}
        for count in smaller_powers(threads) if fewer else ():
            self._requests[count] = self._compile(count, self.precision).create_infer_request()

    def _compile(self, threads: int, precision: str) -> openvino.CompiledModel:
        # Not pinned: processes that run on one core each would all be pinned to the same one.
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        return self._core.compile_model(self._graph, "CPU", settings)

    def _try_bf16(self, exact: openvino.CompiledModel) -> openvino.CompiledModel:
        """The graph in bfloat16 if that answers like float32, else as it was."""
        quick = self._compile(self._threads, "bf16")
        picture = _picture(exact.inputs[0].partial_shape[2].get_length())
        if not agrees(*(list(compiled(picture).values()) for compiled in (exact, quick))):
            return exact
        self.precision = "bf16"
        return quick

    def run(self, feeds: Sequence[Arrays], threads: int | None = None) -> list[Arrays]:
        """One inference for all requests.

        Args:
            feeds: per request, its inputs by name, each [B, …]; B may differ between requests.
            threads: to use at most; None takes all.

        Returns:
            Per request, its outputs by name, each [B, …], float32.
        """
        joined = {name: _join([feed[name] for feed in feeds]) for name in feeds[0]}
        request = self._requests[
            max((n for n in self._requests if threads is None or n <= threads), default=self._threads)
        ]
        results = request.infer(joined, share_inputs=True)
        arrays = {name: results[name] for name in self._outputs}
        answers = []
        start = 0
        for feed in feeds:
            stop = start + len(next(iter(feed.values())))
            answers.append({name: array[start:stop] for name, array in arrays.items()})
            start = stop
        return answers


def smaller_powers(threads: int) -> list[int]:
    """The powers of two below a number of threads."""
    return [1 << bit for bit in range(threads.bit_length()) if 1 << bit < threads]


def agrees(exact: Sequence[np.ndarray], quick: Sequence[np.ndarray]) -> bool:
    """Whether every array of `quick` is finite and lies within AGREEMENT of its counterpart."""
    pairs = list(zip(exact, quick, strict=True))
    if not all(np.isfinite(a).all() and np.isfinite(b).all() for a, b in pairs):
        return False
    return all(float(np.linalg.norm(a - b)) <= AGREEMENT * float(np.linalg.norm(a)) for a, b in pairs)


def _picture(size: int) -> np.ndarray:
    """A disc with soft spots, [1, 3, size, size]: noise would tell how a network behaves where no photo is."""
    spots = np.random.default_rng(0).normal(size=(1, 3, size // 8, size // 8)).astype(np.float32)
    line = (np.arange(size) - (size - 1) / 2) / (size / 2)
    return spots.repeat(8, axis=2).repeat(8, axis=3) * (line**2 + line[:, None] ** 2 < 0.88).astype(np.float32)


def _join(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _check_names(model: Path, graph: openvino.Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for kind, ports, wanted in (("inputs", graph.inputs, inputs), ("outputs", graph.outputs, outputs)):
        found = [port.get_any_name() for port in ports]
        if sorted(found) != sorted(wanted):
            raise ValueError(f"{model}: {kind} are {sorted(found)}, the config says {sorted(wanted)}")
