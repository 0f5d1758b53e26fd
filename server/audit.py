"""Takes the lines of the audit log from all processes of the server, and writes them. See ensemble/audit.py."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from ensemble import variables
from ensemble.audit import lost
from server.log import PrivateFile

OUTPUT = "-"  # as the name of the log's file
_LONGEST = 1 << 20  # bytes of a line
_END = b""


def written_to(name: str, kept: contextlib.ExitStack) -> Callable[[str], None]:
    """What writes the lines: into a file, open while `kept` is, or with OUTPUT to this process's output.

    Raises:
        OSError: the file cannot be written.
    """
    if name == OUTPUT:
        return write_out
    file = PrivateFile(Path(name))
    kept.callback(file.close)
    return file.write


def write_out(line: str) -> None:
    """Write one line to this process's output."""
    print(line, flush=True)


class AuditLog:
    """Listens until it is closed.

    Args:
        path: of the socket, in a folder that no other user may open.
        write: takes each line.
    """

    def __init__(self, path: Path, write: Callable[[str], None]) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._write = write
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """The variable by which other processes find it."""
        return {variables.AUDIT_SOCKET: str(self._path)}

    def _take(self) -> None:
        while line := self._socket.recv(_LONGEST):
            text = line.decode(errors="replace")
            try:
                self._write(text)
            except (OSError, ValueError) as error:  # no room, or a closed output; the next line may find some
                lost(text, error)

    def close(self) -> None:
        """Write what has arrived, and end."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(_END, str(self._path))
            self._thread.join(timeout=5)
        self._socket.close()
        self._path.unlink(missing_ok=True)
