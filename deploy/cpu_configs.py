"""Writes the CPU configs for what this container may use of cores and memory: the committed ones are for two cores.

    python -m deploy.cpu_configs REPOSITORY

MINTMARK_CORES says how many, where the container should not take all that it may use.
"""

import math
import os
import sys
from pathlib import Path

from backends import memory
from ensemble.contract import MODELS
from ensemble.cpu import Cpu
from ensemble.graph import Target
from ensemble.render import config_path, config_text

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "QUOTA PERIOD" in µs, or "max PERIOD"; see the kernel's cgroup-v2


def usable_cores(quota: Path = QUOTA) -> int:
    """Cores that this process may use: its affinity, and the container's share of CPU time rounded up."""
    cores = len(os.sched_getaffinity(0))
    try:
        share, period = quota.read_text().split()
        return max(1, min(cores, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # no cgroup v2, or no limit
        return cores


def write_configs(repository: Path, cpu: Cpu) -> None:
    """Write each model's CPU config into the repository."""
    for model in MODELS:
        path = repository / config_path(model, Target.CPU)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config_text(model, Target.CPU, cpu))


def main(argv: list[str]) -> int:
    """Command line; 2 where it is used wrongly."""
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    given = os.environ.get("MINTMARK_CORES") or str(usable_cores())
    if not given.isdecimal() or int(given) == 0:
        print(f"MINTMARK_CORES is {given!r}; it must be a whole number above 0", file=sys.stderr)
        return 2
    cpu = Cpu.within(int(given), memory.usable())
    print(f"configs for {cpu.cores} cores and {cpu.slots} photos at a time", file=sys.stderr)
    write_configs(Path(argv[0]), cpu)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
