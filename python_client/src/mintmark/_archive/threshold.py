"""The score from which a coin counts as known, in an export: for which weights it holds, and where it came from."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mintmark._errors import InvalidRequest

_SHA256 = "sha256"


@dataclass(frozen=True)
class Threshold:
    """A threshold. `model`, `relief_model`: fingerprints of the weights that it holds for.

    `calibrated`: it was set for the catalog; otherwise it came with the weights.
    """

    score: float
    calibrated: bool
    model: str
    relief_model: str

    @classmethod
    def read(cls, source: Path, values: Any) -> "Threshold | None":
        """The threshold from its JSON; None of an export that has none. InvalidRequest if it was altered."""
        if values is None:
            return None
        try:
            types = {"score": float, "calibrated": bool, "model": str, "relief_model": str}
            if any(type(values[name]) is not kind for name, kind in types.items()) or not 0 <= values["score"] <= 1:
                raise ValueError("a value of another type")
            threshold = cls(**{name: values[name] for name in types})
            if values[_SHA256] != threshold._sha256():
                raise ValueError("another checksum")
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(f"{source} was altered: its threshold is not as it was exported ({error})") from error
        return threshold

    def values(self) -> dict[str, Any]:
        """The threshold as a JSON object."""
        return {**asdict(self), _SHA256: self._sha256()}

    def _sha256(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
