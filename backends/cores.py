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
LOOK_BEHIND = 0.001  # s, of those who stand behind the others
VARIABLE = "MINTMARK_CORE_LOCKS"  # folder of the files, the server's own


class Cores:
    """Cores by their files.

    Args:
        folder: where the files are made; all processes of a server name the same.
        count: of cores.
    """

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._turn, self._behind, *self._cores = (
            os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600)
            for name in ("turn", "behind", *map(str, range(count)))
        )

    @contextmanager
    def taken(self, most: int, *, last: bool = False) -> Iterator[int]:
        """Hold up to `most` cores, and at least one, for which to wait where none is free; gives how many.

        Args:
            most: threads that can be used.
            last: stand behind everybody who waits. The first step of a pipeline does, so that what has been begun is
                finished before more is, and requests queue where they can be refused before they have cost anything.
        """
        held = self._after_all(most) if last else self._in_turn(most)
        try:
            yield len(held)
        finally:
            for core in held:
                fcntl.flock(core, fcntl.LOCK_UN)

    def _in_turn(self, most: int) -> list[int]:
        fcntl.flock(self._turn, fcntl.LOCK_EX)  # who waits longest looks out for a free core, the others for their turn
        try:
            while not (held := self._free(most if self._nobody_behind() else 1)):
                time.sleep(LOOK)
            return held
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def _after_all(self, most: int) -> list[int]:
        fcntl.flock(self._behind, fcntl.LOCK_SH)  # a sign to the others to leave a core, if there is one
        try:
            while True:
                if _locked(self._turn):  # nobody else waits
                    held = self._free(most)
                    fcntl.flock(self._turn, fcntl.LOCK_UN)
                    if held:
                        return held
                time.sleep(LOOK_BEHIND)
        finally:
            fcntl.flock(self._behind, fcntl.LOCK_UN)

    def _nobody_behind(self) -> bool:
        if not _locked(self._behind):
            return False
        fcntl.flock(self._behind, fcntl.LOCK_UN)
        return True

    def _free(self, most: int) -> list[int]:
        held: list[int] = []
        for core in self._cores:
            if len(held) == most:
                break
            if _locked(core):
                held.append(core)
        return held

    def close(self) -> None:
        """Close the files, which gives up what is held."""
        for file in (self._turn, self._behind, *self._cores):
            os.close(file)


def _locked(file: int) -> bool:
    """Whether a file's lock could be had at once."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def cores_of(parameters: Mapping[str, str]) -> Cores | None:
    """The cores that a model of this server shares with the others; None where the server does not say.

    Args:
        parameters: of the model's config; `cores` tells how many there are.
    """
    folder = os.environ.get(VARIABLE, "")
    return Cores(Path(folder), int(parameters["cores"])) if folder and "cores" in parameters else None
