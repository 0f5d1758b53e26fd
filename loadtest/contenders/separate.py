"""Separate calls: the client decodes and asks Triton for every other step, instead of asking the ensemble once.

What is built where a server has the steps and nothing that joins them. The canvas, 3 MB, goes to it three times.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ensemble.chain import Chain
from ensemble.contract import COIN_SEARCH
from ensemble.graph import STEPS, Target
from loadtest.contenders.base import Answer, from_tensors
from loadtest.generator import Sample, closed_loop
from loadtest.processes import ProcessTree
from loadtest.steps import remote, transport
from server import EmbeddedServer


class Separate:
    """The steps of `coin_search` called one after the other over gRPC.

    Args:
        url: HOST:PORT of a server that has them.
        tree: its processes, where they are known.
        stop: ends the server, where nobody else does.
    """

    name = "separate calls"

    def __init__(self, url: str, tree: ProcessTree | None, stop: Callable[[], None] = lambda: None) -> None:
        self.tree, self._stop = tree, stop
        self._connection = transport(url)
        self._chain = Chain(STEPS[COIN_SEARCH], lambda model: remote(model, self._connection))

    @classmethod
    def with_server(cls, catalog: Path, target: Target) -> "Separate":
        """With a server of its own that has the steps alone, and the catalog in a folder.

        Raises:
            ServerError: it does not start.
        """
        server = EmbeddedServer(catalog, target=target, models=STEPS[COIN_SEARCH], log=catalog / "separate.log")
        server.start()
        return cls(server.url, ProcessTree(server.pid), server.stop)

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        return from_tensors(self._chain.run(photo))

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._chain.run, photos, concurrency, seconds)

    def close(self) -> None:
        """Close the connections, and end the server if it is its own."""
        self._connection.close()
        self._stop()
