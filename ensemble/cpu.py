"""What a server on CPUs may use, and how it divides that: photos at a time, and threads for each of them.

A photo goes through its steps in one process, a chain. The more chains, the more photos per second, since a core does
most on one thread of a photo's own; but each holds all networks, compiled for every number of threads it may have.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_THREADS = 8  # of one inference; more gain little
MOST_CHAINS = 4  # at work at a time
SPARE = 1  # chains that wait with the next photo in hand, see backends/cores.py

_PROCESS = 200 << 20  # bytes of a chain's process: libraries, weights, a photo (measured with 1, 2 and 4 cores)
_COMPILED = 300 << 20  # and of its networks compiled for one number of threads
_MEMORY_SHARE = 0.5  # of the machine's memory that the chains may take


@dataclass(frozen=True)
class Cpu:
    """A server's cores, and the photos that it works on at a time."""

    cores: int
    chains: int

    @classmethod
    def within(cls, cores: int, memory: int) -> "Cpu":
        """The most chains, up to one for each core, for which the memory suffices; one at least.

        Args:
            cores: that the server may use.
            memory: that the machine has, bytes.
        """
        choices = (cls(cores, chains) for chains in range(min(cores, MOST_CHAINS), 1, -1))
        return next((cpu for cpu in choices if cpu.memory <= _MEMORY_SHARE * memory), cls(cores, 1))

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Cpu":
        """As a model's config says it."""
        return cls(int(parameters["cores"]), int(parameters["chains"]))

    @property
    def parameters(self) -> dict[str, str]:
        """For a model's config."""
        return {"cores": str(self.cores), "chains": str(self.chains)}

    @property
    def processes(self) -> int:
        """Chains with the one to spare."""
        return self.chains + SPARE

    @property
    def threads(self) -> tuple[int, ...]:
        """What an inference may have, most first: all cores for a photo alone, halves, and a share for each of many."""
        counts, fewest = [min(self.cores, MOST_THREADS)], min(self.cores // self.chains, MOST_THREADS)
        while counts[-1] > fewest:
            counts.append(max(counts[-1] // 2, fewest))
        return tuple(counts)

    @property
    def memory(self) -> int:
        """Bytes that all chains take, about."""
        return self.processes * (_PROCESS + len(self.threads) * _COMPILED)


REFERENCE = Cpu(2, 2)  # of the committed configs; a server renders them for what there is
