"""What the gate counts of the requests that it sees, for Prometheus.

Each process of the gate counts for itself, and keeps its numbers in a file; the one that offers the metrics reads all
files. Every series names its process, so that numbers which begin again are seen as such.
"""

import asyncio
import contextlib
import json
import os
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from ensemble.contract import CATALOG, COIN_ENROLL, COIN_PROBABILITY, COIN_SEARCH, COIN_SEARCH_ALL, FOUND, KNOWN, MODELS
from ensemble.errors import ERRORS, CatalogError, Status, refused

READY = "mintmark_ready"
REQUESTS = "mintmark_requests_total"
SECONDS = "mintmark_request_seconds"
PHOTOS = "mintmark_photos_total"
PROBABILITY = "mintmark_coin_probability"

HELP = {  # and the type, by the family's name
    READY: ("gauge", "1 if Triton and every process of its models run, and Triton answers"),
    REQUESTS: ("counter", "Inference requests by their answer, and whose fault a refusal is"),
    SECONDS: ("histogram", "Seconds from the request to the answer, of requests that were answered"),
    PHOTOS: ("counter", "Photos that coin_search answered over gRPC, by what it found"),
    PROBABILITY: (
        "histogram",
        "Probability that what was found is a coin, of photos that coin_search answered over gRPC",
    ),
}
BUCKETS = {
    SECONDS: (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    PROBABILITY: tuple(tenth / 10 for tenth in range(1, 11)),
}
OTHER = "other"  # model: a name that a client made up becomes no series
OK, REFUSED, BUSY, TIMEOUT, CANCELLED, FAILED = "OK", "REFUSED", "BUSY", "TIMEOUT", "CANCELLED", "FAILED"
CLIENT, LOAD, SERVER = "client", "load", "server"  # whose fault an answer is; '' is nobody's
FULL = "Exceeds maximum queue size"  # Triton's words for a queue that is full, and for a wait that was too long
_BUSY = (FULL, "Request timeout expired")
RESULTS = ("known", "unknown", "no_coin")
_COUNTED_FROM_0 = (COIN_SEARCH, COIN_SEARCH_ALL, COIN_ENROLL, CATALOG)
_NAMES = frozenset(model.name for model in MODELS)
_SERVERS = (FAILED, *(error.code for error in ERRORS if error.status is Status.UNAVAILABLE))
_EVERY = 0.5  # s between the writing of a file


def code_of(details: str, status: grpc.StatusCode) -> str:
    """What an answer is counted as: the code of its error, or one of OK, REFUSED, BUSY, …."""
    of_client = status in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
    if not of_client and any(words in details for words in _BUSY):
        return BUSY
    if (error := refused(details)) and not (of_client and error.code in _SERVERS):
        return error.code
    if of_client:
        return REFUSED
    return TIMEOUT if status is grpc.StatusCode.DEADLINE_EXCEEDED else FAILED


def fault_of(code: str) -> str:
    """Whose fault it is that a request was not answered."""
    if code == OK:
        return ""
    if code in (BUSY, TIMEOUT):
        return LOAD
    if code in (REFUSED, CANCELLED):
        return CLIENT
    return SERVER if code in _SERVERS else CLIENT


class Counts:
    """The numbers of one process.

    Args:
        gate: number of the process.
    """

    def __init__(self, gate: int) -> None:
        self._gate = str(gate)
        self._values: dict[str, dict[str, float]] = {}  # by family, by the series as Prometheus writes it
        self._changed = True
        for model in _COUNTED_FROM_0:  # so that the first event is seen as a rise
            for code in (OK, BUSY, FAILED, CatalogError.code):
                self._add(REQUESTS, REQUESTS, 0, model=model.name, code=code, fault=fault_of(code))
        for result in RESULTS:
            self._add(PHOTOS, PHOTOS, 0, result=result)

    def answered(self, model: str, code: str, seconds: float) -> None:
        """Count a request, and how long its answer took."""
        known = model if model in _NAMES else OTHER
        self._add(REQUESTS, REQUESTS, 1, model=known, code=code, fault=fault_of(code))
        if code == OK:
            self._observe(SECONDS, seconds, model=known)

    def photos(self, model: str, answer: bytes) -> None:
        """Count what an answer says of its photos: a message ModelInferResponse of coin_search."""
        if model != COIN_SEARCH.name:
            return
        try:
            message: Any = service_pb2.ModelInferResponse.FromString(answer)
        except DecodeError:
            return
        outputs = dict(zip((one.name for one in message.outputs), message.raw_output_contents, strict=False))
        if not {KNOWN.name, FOUND.name, COIN_PROBABILITY.name} <= outputs.keys():
            return  # the client asked for less
        found, probability = (array("f", outputs[tensor.name]) for tensor in (FOUND, COIN_PROBABILITY))
        for known, one, likely in zip(outputs[KNOWN.name], found, probability, strict=False):
            result = RESULTS[2] if one < 0.5 else RESULTS[0] if known else RESULTS[1]
            self._add(PHOTOS, PHOTOS, 1, result=result)
            self._observe(PROBABILITY, likely)

    def ready(self, healthy: bool) -> None:
        """Say how Triton is."""
        self._values.setdefault(READY, {})[_series(READY, {})] = float(healthy)

    def _observe(self, family: str, value: float, **labels: str) -> None:
        for bound in (*BUCKETS[family], float("inf")):
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            self._add(family, f"{family}_bucket", float(value <= bound), **labels, le=le)
        self._add(family, f"{family}_sum", value, **labels)
        self._add(family, f"{family}_count", 1, **labels)

    def _add(self, family: str, name: str, value: float, **labels: str) -> None:
        values, series = self._values.setdefault(family, {}), _series(name, {"gate": self._gate, **labels})
        values[series] = values.get(series, 0.0) + value
        self._changed = True

    def text(self) -> str:
        """The numbers as JSON, for `written`."""
        return json.dumps(self._values)

    async def keep(self, folder: Path) -> None:
        """Write the numbers into a file of the folder whenever they have changed, until this is cancelled."""
        path = file_of(folder, int(self._gate))
        while True:
            if self._changed:
                with contextlib.suppress(OSError):  # such as a full disk: the server goes on, and tries it again
                    part = path.with_suffix(".part")
                    part.write_text(self.text())
                    os.replace(part, path)
                    self._changed = False
            await asyncio.sleep(_EVERY)


def file_of(folder: Path, gate: int) -> Path:
    """The file with the numbers of a process."""
    return folder / f"{gate}.json"


def folder_of(sockets: str) -> Path:
    """The folder of these files, beside that of the sockets, which Triton empties when it starts."""
    return Path(f"{sockets}-counts")


def _series(name: str, labels: Mapping[str, str]) -> str:
    said = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{said}}}" if said else name


def written(folder: Path, own: Counts) -> str:
    """The numbers of all processes, in Prometheus's text format: those of the files, and of this process."""
    parts = [json.loads(own.text())]
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            parts.append(json.loads(path.read_text()))
    lines = []
    for family, (kind, description) in HELP.items():
        samples = [f"{series} {value!r}" for part in parts for series, value in part.get(family, {}).items()]
        if samples:
            lines += [f"# HELP {family} {description}", f"# TYPE {family} {kind}", *samples]
    return "".join(f"{line}\n" for line in lines)
