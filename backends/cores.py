"""The CPU cores that all model processes of one server share: who computes holds one for each thread that it runs.

Every compute library would take all cores, and the processes of several models that do so at once stand in each other's
way: their threads wait for one another without working. So a process that is about to compute takes as many cores as
are free, up to what it can use, and waits for one where none is. Alone, a request has all of them; under load, each
model has one, and requests overlap.

A core is a lock on a file, which the system releases with the process, however that ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LOOK = 0.0003  # s between looks for a free core; one process looks at a time
VARIABLE = "MINTMARK_CORE_LOCKS"  # folder of the files, the server's own


class Cores:
    """Cores by their files.

    Args:
        folder: where the files are made; all processes of a server name the same.
        count: of cores.
    """

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._turn, *self._cores = (
            os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600) for name in ("turn", *map(str, range(count)))
        )

    @contextmanager
    def taken(self, most: int) -> Iterator[int]:
        """Hold up to `most` cores, and at least one, for which to wait where none is free; gives how many."""
        fcntl.flock(self._turn, fcntl.LOCK_EX)  # who waits longest looks out for a free core, the others for their turn
        try:
            while not (held := self._free(most)):
                time.sleep(LOOK)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        try:
            yield len(held)
        finally:
            for core in held:
                fcntl.flock(core, fcntl.LOCK_UN)

    def _free(self, most: int) -> list[int]:
        held: list[int] = []
        for core in self._cores:
            if len(held) == most:
                break
            try:
                fcntl.flock(core, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            held.append(core)
        return held

    def close(self) -> None:
        """Close the files, which gives up what is held."""
        for file in (self._turn, *self._cores):
            os.close(file)


def cores_of(parameters: Mapping[str, str]) -> Cores | None:
    """The cores that a model of this server shares with the others; None where the server does not say.

    Args:
        parameters: of the model's config; `cores` tells how many there are.
    """
    folder = os.environ.get(VARIABLE, "")
    return Cores(Path(folder), int(parameters["cores"])) if folder and "cores" in parameters else None
