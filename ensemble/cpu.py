"""How a server on CPUs divides cores and memory: how many slots (photos at a time), and how many threads for each.

One process, a worker, takes a photo through all its steps. More slots mean more photos per second, because a core gets
most done when it runs one photo on one thread. But every worker holds all networks, ready for every number of threads
that it may use.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_THREADS = 8  # of one inference; more gain little
MOST_SLOTS = 4
SPARE = 1  # workers beyond the slots: each holds the next photo while it waits, see backends/slots.py

# Measured with 1, 2 and 4 cores, with the networks that ship; of these, all workers share one copy on disk.
_WORKER = 200 << 20  # bytes of a worker: libraries, a photo
_COMPILED = 75 << 20  # bytes of its networks, ready for one number of threads
_MEMORY_SHARE = 0.5  # of the machine's memory, for the workers


@dataclass(frozen=True)
class Cpu:
    """The cores of a server, and its slots."""

    cores: int
    slots: int

    @classmethod
    def within(cls, cores: int, memory: int) -> "Cpu":
        """As many slots as fit into half of the memory: at most one for each core and MOST_SLOTS, at least one.

        Args:
            cores: that the server may use.
            memory: of the machine, bytes.
        """
        choices = (cls(cores, slots) for slots in range(min(cores, MOST_SLOTS), 1, -1))
        return next((cpu for cpu in choices if cpu.memory <= _MEMORY_SHARE * memory), cls(cores, 1))

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Cpu":
        """Read it from the parameters of a model's config."""
        return cls(int(parameters["cores"]), int(parameters["slots"]))

    @property
    def parameters(self) -> dict[str, str]:
        """The same as parameters of a model's config."""
        return {"cores": str(self.cores), "slots": str(self.slots)}

    @property
    def workers(self) -> int:
        """One worker for each slot, and the spare one."""
        return self.slots + SPARE

    @property
    def threads(self) -> tuple[int, ...]:
        """Numbers of threads to be ready for, most first: all cores, then halves, down to cores per slot."""
        counts, fewest = [min(self.cores, MOST_THREADS)], min(self.cores // self.slots, MOST_THREADS)
        while counts[-1] > fewest:
            counts.append(max(counts[-1] // 2, fewest))
        return tuple(counts)

    @property
    def memory(self) -> int:
        """Bytes that all workers take, roughly."""
        return self.workers * (_WORKER + len(self.threads) * _COMPILED)


REFERENCE = Cpu(2, 2)  # of the committed configs; a server renders configs for its own machine
