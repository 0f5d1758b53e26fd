"""The processes that Triton runs Python models in: it starts them, and does not notice when one dies.

What such a process would have answered is an error from then on, while the server says that it is ready.
"""

from pathlib import Path

_NAME = "triton_python_b"  # of triton_python_backend_stub, as much of it as the system keeps
_DEAD = "Z"  # state of a process that has ended and that nobody has asked about


def dead_stubs(triton: int | None = None, processes: Path = Path("/proc")) -> list[int]:
    """Ids of the model processes that have died.

    Args:
        triton: process id of the server that they belong to; None takes those of every server.
        processes: the system's folder of processes, see proc_pid_stat(5).
    """
    dead = []
    for folder in processes.glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:  # has ended and been asked about meanwhile
            continue
        state, parent = rest.split()[:2]
        if name == _NAME and state == _DEAD and triton in (None, int(parent)):
            dead.append(int(folder.name))
    return sorted(dead)
