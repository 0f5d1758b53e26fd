"""The stamp of a TensorRT engine: what it was built from and for, as JSON beside the engine.

An engine runs only on the kind of GPU and with the version of TensorRT that it was built for. It says neither before it
is loaded; the stamp does.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ensemble.artifacts import weights_file
from ensemble.contract import Model
from ensemble.placement import NETWORKS, PROFILE, Profile

ANY_GPU = "any"  # compute capability of a TensorRT-RTX engine that is compiled for the GPU when it is loaded


class StampError(RuntimeError):
    """An engine has no stamp, or its stamp forbids loading it here; the message says why and what to do."""


@dataclass(frozen=True)
class Stamp:
    """Identity of an engine."""

    model: str
    weights: str  # SHA-256 of the file in weights/
    graph: str  # SHA-256 of the ONNX graph that TensorRT was given
    precision: str  # of the graph: fp16 or fp32
    profile: Profile
    flavor: str  # tensorrt or tensorrt_rtx
    version: str  # of TensorRT
    capability: str  # CUDA compute capability such as 9.0, or ANY_GPU

    @property
    def key(self) -> str:
        """A name for the engine that no other engine has."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]

    def text(self) -> str:
        """The stamp as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def differences(self, other: "Stamp") -> str:
        """The differences as a clause for an error message; '' if there are none."""
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(f"{k} is {mine[k]} instead of {theirs[k]}" for k in mine if mine[k] != theirs[k])


def stamp_path(engine: Path) -> Path:
    """Where an engine's stamp lies."""
    return engine.with_name(f"{engine.name}.json")


def read_stamp(engine: Path) -> Stamp:
    """The stamp beside an engine.

    Raises:
        StampError: there is no engine, no stamp, or the stamp cannot be read.
    """
    if not engine.is_file():
        raise StampError(f"{engine} is missing: run python build/build_engines.py")
    try:
        fields = json.loads(stamp_path(engine).read_text())
        return Stamp(**{**fields, "profile": Profile(**fields["profile"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StampError(f"{engine} has no stamp that can be read ({error}): build it again") from error


def check_stamp(engine: Path, model: Model, flavor: str, version: str, capability: str) -> Stamp:
    """Check that an engine belongs to this machine, before it is loaded.

    Args:
        engine: the file.
        model: that it should compute.
        flavor: of the TensorRT that would load it.
        version: of that TensorRT.
        capability: CUDA compute capability of the GPU.

    Raises:
        StampError: it was made for another model, from other weights, by another TensorRT or for another GPU.
    """
    stamp = read_stamp(engine)
    here = replace(
        stamp,
        model=model.name,
        weights=weights_digest(model),
        precision=precision(model),
        profile=PROFILE,
        flavor=flavor,
        version=version,
        capability=stamp.capability if stamp.capability == ANY_GPU else capability,
    )
    if different := stamp.differences(here):
        raise StampError(f"{engine} does not belong here: {different}; run python build/build_engines.py")
    return stamp


def weights_digest(model: Model) -> str:
    """SHA-256 of the file in weights/ that the model's engine is built from."""
    return hashlib.sha256(weights_file(model.name).read_bytes()).hexdigest()


def precision(model: Model) -> str:
    """Precision of an engine: fp16 for networks. Geometry stays in fp32, as fp16 rounds pixel coordinates."""
    return "fp16" if model in NETWORKS else "fp32"
