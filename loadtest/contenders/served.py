"""Mintmark as it is used: the ensemble, asked through the client."""

from collections.abc import Sequence

from loadtest.contenders.base import Answer
from loadtest.generator import Sample, closed_loop
from loadtest.host import Host, connect


class Served:
    """The ensemble `coin_search` behind `mintmark.Client`."""

    name = "mintmark"

    def __init__(self, host: Host) -> None:
        self.tree = host.tree
        self._client = connect(host.url)

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        result = self._client.recognize(photo)
        e = result.ellipse
        return Answer(
            result.found,
            tuple(match.entry.id for match in result.matches),
            tuple(match.score for match in result.matches),
            (e.cx, e.cy, e.a, e.b, e.angle) if e else (),
        )

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._client.recognize, photos, concurrency, seconds)

    def close(self) -> None:
        """Close the connections; the server is somebody else's."""
        self._client.close()
