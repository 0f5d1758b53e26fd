"""The logs of the server: files that are never larger than a limit and readable by their owner alone, or JSON lines."""

import json
import os
import re
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from ensemble.audit import now

MOST_BYTES = 16 << 20  # of the file; then it is renamed to NAME.1, and the one before that to NAME.2
KEPT = 2
LAST_LINES = 400  # that are kept of a crash
LONGEST_LINE = 4096  # characters

_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "fatal", "V": "debug"}
# I1130 13:01:30.012477 4905 model.cc:117] "text", or 2026-11-30T13:01:30Z I 4905 model.cc:117] "text"
_TRITON = re.compile(r"(?:([IWEFV])\d{4} \S+|\S+Z ([IWEFV])) \d+ (\S+:\d+)\] (.*)", re.DOTALL)
# What Triton says where there is no GPU: on the target CPU that is no error, and nothing that anybody can mend.
MISSING_GPU = re.compile(
    r"[IWE]\d{4} .*(?:Unable to allocate pinned system memory|CUDA memory pool disabled"
    r"|CudaDriverHelper has not been initialized|unable to create stream for \w+: CUDA)"
)


def as_json(line: str) -> str:
    """A line of a log as one of JSON: when, how bad, from where, what."""
    found = _TRITON.fullmatch(line)
    if found is None:
        return json.dumps({"at": now(), "level": "info", "text": line}, ensure_ascii=False)
    level = _LEVELS[found[1] or found[2]]
    return json.dumps({"at": now(), "level": level, "from": found[3], "text": found[4].strip('"')}, ensure_ascii=False)


class PrivateFile:
    """A file of lines that only its owner can read, which makes room for a new one when it is large.

    It may be renamed or removed meanwhile, as logrotate does: the next line begins a new file.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()
        self._lock = threading.Lock()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, line: str) -> None:
        """Add a line. Raises OSError: there is no room for it, and nothing of it is in the file."""
        data = f"{line}\n".encode(errors="replace")
        with self._lock:
            # Where the folder allows no other file, the one that is there goes on.
            with suppress(OSError):
                if not self._is_there():
                    self._reopen()
                if self._is_full(len(data)):
                    self._make_room()
            self._append(data)

    def _is_there(self) -> bool:
        """Whether the open file still has its name."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False

    def _is_full(self, more: int) -> bool:
        found = os.fstat(self._file)
        return stat.S_ISREG(found.st_mode) and found.st_size > 0 and found.st_size + more > MOST_BYTES

    def _make_room(self) -> None:
        for number in range(KEPT, 0, -1):
            before = f"{self._path}.{number - 1}" if number > 1 else self._path
            with suppress(FileNotFoundError):
                os.replace(before, f"{self._path}.{number}")
        self._reopen()

    def _reopen(self) -> None:
        old, self._file = self._file, self._open()
        os.close(old)

    def _append(self, data: bytes) -> None:
        size = os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            with suppress(OSError):  # what is no file has no end that could be cut off
                os.ftruncate(self._file, size)
            raise

    def close(self) -> None:
        """Close it."""
        os.close(self._file)


class Lines:
    """Takes what a process writes, line by line.

    Args:
        write: takes each line, from another thread.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._thread: threading.Thread | None = None

    def follow(self, stream: IO[bytes]) -> None:
        """Take the lines of a new process until it and its children have ended."""
        self._last.clear()
        self._thread = threading.Thread(target=self._take, args=(stream,), daemon=True)
        self._thread.start()

    def _take(self, stream: IO[bytes]) -> None:
        with stream:
            while data := stream.readline(LONGEST_LINE):
                line = data.decode(errors="replace").rstrip("\n")
                self._last.append(line)
                with suppress(OSError, ValueError):  # a full disk, a closed output: the process waits for who reads
                    self._write(line)

    def end(self, lines: int) -> str:
        """The last lines of the process that is followed."""
        return "\n".join(list(self._last)[-lines:])

    def close(self) -> None:
        """Wait for the last lines, when the process has ended."""
        if self._thread is not None:
            self._thread.join(timeout=5)


class TritonLog(Lines):
    """Writes what Triton and its models write into a file.

    Args:
        path: of the file.
        heard: called with each line, from another thread.
        form: of a line in the file.
        dropped: lines that the file is better without.
    """

    def __init__(
        self,
        path: Path,
        heard: Callable[[str], None],
        form: Callable[[str], str] = str,
        dropped: re.Pattern[str] | None = None,
    ) -> None:
        super().__init__(self._keep)
        self._path, self._heard, self._form, self._dropped = path, heard, form, dropped
        self._file = PrivateFile(path)

    def _keep(self, line: str) -> None:
        self._heard(line)
        if self._dropped is None or not self._dropped.match(line):
            self._file.write(self._form(line))

    def keep_crash(self) -> Path:
        """Write the last lines beside the log, where the next start leaves them; returns where."""
        path = self._path.with_suffix(".crash.log")
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write("\n".join(self._last) + "\n")
        return path

    def close(self) -> None:
        """Close the file, when the process has ended."""
        super().close()
        self._file.close()
