"""A graph compiled for this machine's CPU: once, then kept in a folder for the next start and for other processes.

OpenVINO has a cache of its own. It reads the graph anew at every start; two processes that fill it at once may crash;
and each has its own copy of all weights. Here, a compiled graph is a file that appears whole, and that all processes
map into memory.
"""

import contextlib
import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino

CPU = "CPU"
INT8 = "int8"
_SUFFIX = ".blob"


@dataclass(frozen=True)
class Compiled:
    """A compiled graph as OpenVINO exports it: bytes [n] uint8, writable; and the precision that it computes in."""

    exported: np.ndarray
    precision: str

    def open(self, core: openvino.Core, threads: int) -> openvino.CompiledModel:
        """Make it ready to run; the bytes must outlive it.

        Args:
            core: of this process.
            threads: CPU threads of an inference; 0 lets OpenVINO choose.
        """
        return core.import_model(
            openvino.Tensor(self.exported, shared_memory=True), CPU, settings(self.precision, threads)
        )


Compile = Callable[[], tuple[openvino.CompiledModel, str]]  # gives the model and its precision


def settings(precision: str, threads: int = 0) -> dict[str, object]:
    """OpenVINO's settings of one compiled model."""
    # Not pinned: OpenVINO would pin all processes that use one core each to the same core.
    wanted: dict[str, object] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32" if precision == INT8 else precision,  # the graph says itself what is int8
        "ENABLE_CPU_PINNING": False,
    }
    return {**wanted, "INFERENCE_NUM_THREADS": threads} if threads else wanted


def kept_or_compiled(
    core: openvino.Core, models: Sequence[Path], precisions: Sequence[str], cache: str, make: Compile
) -> Compiled:
    """The compiled graph from a folder; where it is not there, it is compiled and kept.

    Args:
        core: of this process.
        models: the ONNX files of the graph that `make` chooses from.
        precisions: that `make` chooses from.
        cache: folder; '' for none.
        make: compiles.
    """
    if not cache:
        compiled, precision = make()
        return Compiled(_exported(compiled), precision)
    folder, key = Path(cache), _key(core, models, precisions)
    for precision in precisions:
        for file in folder.glob(f"{key}-{precision}-*{_SUFFIX}"):
            if (mapped := _mapped(file)) is not None:
                return Compiled(mapped, precision)
    compiled, precision = make()
    exported = _exported(compiled)
    file = folder / f"{key}-{precision}-{_checksum(exported)}{_SUFFIX}"
    with contextlib.suppress(OSError):  # a full disk costs the next start its time, and this one nothing
        _write(file, exported)
    return Compiled(exported if (mapped := _mapped(file)) is None else mapped, precision)


def _mapped(file: Path) -> np.ndarray | None:
    """The bytes of a file; None where it is gone, or not what was written, as after a power cut."""
    try:
        mapped = np.memmap(file, np.uint8, "c")
    except (OSError, ValueError):
        return None
    return mapped if file.stem.endswith(f"-{_checksum(mapped)}") else None


def _checksum(content: np.ndarray) -> str:
    return f"{zlib.crc32(content.data):08x}"


def _exported(compiled: openvino.CompiledModel) -> np.ndarray:
    return np.frombuffer(compiled.export_model().getbuffer(), np.uint8)


def _key(core: openvino.Core, models: Sequence[Path], precisions: Sequence[str]) -> str:
    """What the compiled graph depends on: the graph, OpenVINO, the processor."""
    digest = hashlib.sha256()
    for model in models:
        digest.update(hashlib.sha256(model.read_bytes()).digest())
    processor = (core.get_property(CPU, name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"))
    digest.update("\0".join(map(str, (openvino.get_version(), *precisions, *processor))).encode())
    return digest.hexdigest()[:32]


def _write(file: Path, content: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.data)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
