"""Load from several processes, as cheap as possible: one Python process sends some hundred photos per second at most.

Each request is encoded once and sent many times: the load leaves more of the cores to the server beside it.
"""

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import grpc
from tritonclient.grpc import service_pb2 as pb

from ensemble import variables
from ensemble.contract import COIN_SEARCH, ENCODED
from loadtest.generator import Here, Sample
from loadtest.host import TIMEOUT
from mintmark._transports.triton import error_of

_METHOD = "/inference.GRPCInferenceService/ModelInfer"
_START = 0.5  # s that each process is kept busy once: so none takes the work of another one that still starts
_here: Here | None = None  # of a process of the crew


def encoded(photo: bytes) -> bytes:
    """The client's request of `recognize` for a photo, as it goes over the wire."""
    request = pb.ModelInferRequest(model_name=COIN_SEARCH.name)
    request.inputs.add(name=ENCODED.name, datatype=ENCODED.dtype.value, shape=[1, *ENCODED.dims])
    request.raw_input_contents.append(len(photo).to_bytes(4, "little") + photo)
    return request.SerializeToString()


class Sender:
    """A connection for encoded requests; many threads may use it at once.

    Args:
        url: HOST:PORT of the server; the token is that of MINTMARK_TOKEN.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self._send = grpc.insecure_channel(url, options).unary_unary(_METHOD)
        token = os.environ.get(variables.TOKEN)
        self._metadata = [("authorization", f"Bearer {token}")] if token else None

    def ask(self, request: bytes) -> bytes:
        """Send an encoded request and return the encoded answer.

        Raises:
            MintmarkError: the same as the client's.
        """
        try:
            return self._send(request, timeout=TIMEOUT, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(str(error.code()), error.details(), self._url) from error


class Crew:
    """Processes that divide a load among them, each with a connection of its own; a context manager.

    Args:
        url: HOST:PORT of the server.
        photos: to send.
        processes: how many.
    """

    def __init__(self, url: str, photos: Sequence[bytes], processes: int) -> None:
        self._processes = processes
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(url, photos))

    def __enter__(self) -> "Crew":
        list(self._pool.map(time.sleep, [_START] * self._processes))
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def closed(self, concurrency: int, seconds: float) -> list[Sample]:
        """See Callers."""
        return self._all(_closed, max(1, concurrency // self._processes), seconds)

    def open(self, phases: Sequence[tuple[float, float]]) -> list[Sample]:
        """See Callers."""
        return self._all(_open, [(rate / self._processes, seconds) for rate, seconds in phases])

    def _all(self, work: Callable[..., list[Sample]], *arguments: object) -> list[Sample]:
        parts = [self._pool.submit(work, *arguments) for _ in range(self._processes)]
        together = itertools.chain.from_iterable(part.result() for part in parts)
        return sorted(together, key=lambda sample: sample.start)


def _start(url: str, photos: Sequence[bytes]) -> None:
    global _here
    _here = Here(Sender(url).ask, [encoded(photo) for photo in photos])


def _closed(concurrency: int, seconds: float) -> list[Sample]:
    assert _here is not None
    return _here.closed(concurrency, seconds)


def _open(phases: Sequence[tuple[float, float]]) -> list[Sample]:
    assert _here is not None
    return _here.open(phases)
