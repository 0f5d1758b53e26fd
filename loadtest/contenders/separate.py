"""Separate calls: the client decodes and asks Triton for every other step, instead of asking the ensemble once.

What is built where a server has the steps and nothing that joins them. The canvas, 3 MB, goes to it three times.
"""

from collections.abc import Sequence

from ensemble.chain import Chain
from ensemble.contract import COIN_SEARCH
from ensemble.graph import STEPS
from loadtest.contenders.base import Answer, from_tensors
from loadtest.generator import Sample, closed_loop
from loadtest.host import Host
from loadtest.steps import remote, transport


class Separate:
    """The steps of `coin_search` called one after the other over gRPC."""

    name = "separate calls"

    def __init__(self, host: Host) -> None:
        self.tree = host.tree
        self._connection = transport(host.url)
        self._chain = Chain(STEPS[COIN_SEARCH], lambda model: remote(model, self._connection))

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        return from_tensors(self._chain.run(photo))

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._chain.run, photos, concurrency, seconds)

    def close(self) -> None:
        """Close the connections; the server is somebody else's."""
        self._connection.close()
