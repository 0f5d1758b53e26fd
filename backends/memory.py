"""How much memory there is for a server, and how its processes keep what they have."""

import os
from pathlib import Path

LIMIT = Path("/sys/fs/cgroup/memory.max")  # bytes, or "max"; see the kernel's cgroup-v2

# The C library gives large blocks back to the system and has them cleared again for the next photo, which takes as long
# as decoding one. What a process has held once it keeps, up to this much.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),  # bytes, below which blocks come from the heap
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),  # bytes free at the heap's end, above which they are given back
}


def usable(limit: Path = LIMIT) -> int:
    """Bytes that the processes of this machine, or of this container where it has a limit, may use together."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(limit.read_text()))
    except (OSError, ValueError):  # no cgroup v2, or no limit
        return machine
