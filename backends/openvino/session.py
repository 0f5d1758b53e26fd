"""An OpenVINO model that answers several requests with one inference; free of Triton, so that tests can use it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino

AGREEMENT = 0.02  # largest difference to float32, relative to the output's largest value, at which bfloat16 is used

Arrays = dict[str, np.ndarray]


class Session:
    """One compiled graph.

    Args:
        model: ONNX file.
        inputs, outputs: tensor names that the graph must have.
        threads: CPU threads; 0 leaves it to OpenVINO.
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
        self._compiled = self._compile("f32")
        if precision == "auto" and "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            self._try_bf16()
        self._request = self._compiled.create_infer_request()

    def _compile(self, precision: str) -> openvino.CompiledModel:
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self._threads:
            settings["INFERENCE_NUM_THREADS"] = self._threads
        return self._core.compile_model(self._graph, "CPU", settings)

    def _try_bf16(self) -> None:
        """Change to bfloat16 if it answers like float32 on noise."""
        compiled = self._compile("bf16")
        shape = [1 if axis.is_dynamic else axis.get_length() for axis in self._graph.inputs[0].partial_shape]
        picture = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        exact, quick = (list(c(picture).values()) for c in (self._compiled, compiled))
        if agrees(exact, quick):
            self._compiled, self.precision = compiled, "bf16"

    def run(self, feeds: Sequence[Arrays]) -> list[Arrays]:
        """One inference for all requests.

        Args:
            feeds: per request, its inputs by name, each [B, …]; B may differ between requests.

        Returns:
            Per request, its outputs by name, each [B, …], float32.
        """
        joined = {name: _join([feed[name] for feed in feeds]) for name in feeds[0]}
        results = self._request.infer(joined, share_inputs=True)
        arrays = {name: results[name] for name in self._outputs}
        answers = []
        start = 0
        for feed in feeds:
            stop = start + len(next(iter(feed.values())))
            answers.append({name: array[start:stop] for name, array in arrays.items()})
            start = stop
        return answers


def agrees(exact: Sequence[np.ndarray], quick: Sequence[np.ndarray]) -> bool:
    """Whether every array of `quick` is finite and lies within AGREEMENT of its counterpart."""
    pairs = list(zip(exact, quick, strict=True))
    if not all(np.isfinite(a).all() and np.isfinite(b).all() for a, b in pairs):
        return False
    return all(float(np.abs(a - b).max()) <= AGREEMENT * max(float(np.abs(a).max()), 1e-6) for a, b in pairs)


def _join(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _check_names(model: Path, graph: openvino.Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for kind, ports, wanted in (("inputs", graph.inputs, inputs), ("outputs", graph.outputs, outputs)):
        found = [port.get_any_name() for port in ports]
        if sorted(found) != sorted(wanted):
            raise ValueError(f"{model}: {kind} are {sorted(found)}, the config says {sorted(wanted)}")
