"""The contenders that ask Mintmark's server: one request to the ensemble, or a call for every step."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ensemble.chain import Chain
from ensemble.contract import COIN_SEARCH
from ensemble.graph import STEPS, Target
from loadtest.compare.contenders.base import Answer, from_tensors
from loadtest.generator import Sample, closed_loop
from loadtest.host import Host, connect
from loadtest.models import remote, transport
from loadtest.processes import ProcessTree
from mintmark import Recognition
from server.embedded import EmbeddedServer


def answer_of(result: Recognition) -> Answer:
    """The answer from the client's result."""
    e = result.ellipse
    return Answer(
        result.found,
        tuple(match.entry.id for match in result.matches),
        tuple(match.score for match in result.matches),
        (e.cx, e.cy, e.a, e.b, e.angle) if e else (),
    )


class Ensemble:
    """Mintmark as it is used: the ensemble `coin_search` behind `mintmark.Client`."""

    name = "mintmark"

    def __init__(self, host: Host) -> None:
        self.tree = host.tree
        self._client = connect(host.url)

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        return answer_of(self._client.recognize(photo))

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._client.recognize, photos, concurrency, seconds)

    def close(self) -> None:
        """Close the connection; the server belongs to somebody else."""
        self._client.close()


class Separate:
    """The steps of `coin_search` called one after the other over gRPC; this process decodes.

    One would build this where a server has the steps but no ensemble. The canvas, 3 MB, goes to the server three times.

    Args:
        url: HOST:PORT of a server that has them.
        tree: its processes; None where they are not given.
        stop: ends a server that belongs to this contender.
    """

    name = "separate calls"

    def __init__(self, url: str, tree: ProcessTree | None, stop: Callable[[], None] = lambda: None) -> None:
        self.tree, self._stop = tree, stop
        self._connection = transport(url)
        self._chain = Chain(STEPS[COIN_SEARCH], lambda model: remote(model, self._connection))

    @classmethod
    def with_server(cls, catalog: Path, target: Target) -> "Separate":
        """With a server of its own that has the steps alone, on the catalog in a folder.

        Raises:
            ServerError: the server does not start.
        """
        server = EmbeddedServer(catalog, target=target, models=STEPS[COIN_SEARCH], log=catalog / "separate.log")
        server.start()
        return cls(server.url, ProcessTree(*server.pids), server.stop)

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        return from_tensors(self._chain.run(photo))

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._chain.run, photos, concurrency, seconds)

    def close(self) -> None:
        """Close the connection, and end the server that belongs to this contender."""
        self._connection.close()
        self._stop()
