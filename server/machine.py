"""How many cores and how much memory this machine, or the container that this process runs in, may use."""

import math
import os
from pathlib import Path

# Limits of a container; see "cgroup v2" in the kernel's documentation.
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "QUOTA PERIOD" in µs, or "max PERIOD"
LIMIT = Path("/sys/fs/cgroup/memory.max")  # bytes, or "max"


def usable_cores(quota: Path = QUOTA) -> int:
    """Cores that this process may use: its CPU affinity, and at most the container's quota rounded up."""
    cores = len(os.sched_getaffinity(0))
    try:
        time, period = quota.read_text().split()
        return max(1, min(cores, math.ceil(int(time) / int(period))))
    except (OSError, ValueError):  # no cgroup v2, or no quota
        return cores


def usable_memory(limit: Path = LIMIT) -> int:
    """Bytes that this process and its children may use: the machine's memory, and at most the container's limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(limit.read_text()))
    except (OSError, ValueError):  # no cgroup v2, or no limit
        return machine
