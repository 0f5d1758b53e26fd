"""Finds processes of Python models that have died or are stopped. Triton starts them, and does not notice that.

From then on, requests to that process fail or wait, while Triton still says that it is ready.
"""

from pathlib import Path

_NAME = "triton_python_b"  # triton_python_backend_stub, cut to the 15 letters that Linux keeps
_DEAD = "Z"  # state of a process that has ended and was not waited for
_STOPPED = "Tt"  # states of a process that a signal or a debugger has stopped


def dead_stubs(triton: int | None = None, processes: Path = Path("/proc")) -> list[int]:
    """Ids of model processes that have died.

    Args:
        triton: process id of the server; None takes the model processes of every server.
        processes: the system's folder of processes; see proc_pid_stat(5).
    """
    return _stubs(_DEAD, triton, processes)


def stopped_stubs(triton: int | None = None, processes: Path = Path("/proc")) -> list[int]:
    """Ids of model processes that are stopped; arguments as for `dead_stubs`."""
    return _stubs(_STOPPED, triton, processes)


def _stubs(states: str, triton: int | None, processes: Path) -> list[int]:
    found = []
    for folder in processes.glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:  # has ended meanwhile
            continue
        state, parent = rest.split()[:2]
        if name == _NAME and state in states and triton in (None, int(parent)):
            found.append(int(folder.name))
    return sorted(found)
