"""Finds processes of Python models that have died. Triton starts them, but does not notice when one dies.

From then on, requests to that process fail, while the server still says that it is ready.
"""

from pathlib import Path

_NAME = "triton_python_b"  # triton_python_backend_stub, cut to the 15 letters that Linux keeps
_DEAD = "Z"  # state of a process that has ended and was not waited for


def dead_stubs(triton: int | None = None, processes: Path = Path("/proc")) -> list[int]:
    """Ids of model processes that have died.

    Args:
        triton: process id of the server; None takes the model processes of every server.
        processes: the system's folder of processes; see proc_pid_stat(5).
    """
    dead = []
    for folder in processes.glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:  # has ended meanwhile
            continue
        state, parent = rest.split()[:2]
        if name == _NAME and state == _DEAD and triton in (None, int(parent)):
            dead.append(int(folder.name))
    return sorted(dead)
