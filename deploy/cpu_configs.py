"""Writes the CPU configs for the cores and the memory of this container; the committed ones are for two cores.

    python -m deploy.cpu_configs REPOSITORY

MINTMARK_CORES sets the number of cores; without it, all that the container may use.
"""

import os
import sys
from pathlib import Path

from ensemble import variables
from ensemble.cpu import Cpu
from ensemble.graph import Target
from server import machine
from server.assembly import write_configs


def main(argv: list[str]) -> int:
    """Command line; 2 where it is used wrongly."""
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    given = os.environ.get(variables.CORES) or str(machine.usable_cores())
    if not given.isdecimal() or int(given) == 0:
        print(f"{variables.CORES} is {given!r}; it must be a whole number above 0", file=sys.stderr)
        return 2
    cpu = Cpu.within(int(given), machine.usable_memory())
    print(f"configs for {cpu.cores} cores and {cpu.slots} photos at a time", file=sys.stderr)
    write_configs(Path(argv[0]), Target.CPU, cpu)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
