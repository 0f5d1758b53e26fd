"""Triton's log: appended to, never larger than a limit, readable by its owner alone."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

MOST_BYTES = 16 << 20  # of the file; then it is renamed to NAME.1, and the one before that to NAME.2
KEPT = 2
LAST_LINES = 400  # that are kept of a crash
LONGEST_LINE = 4096  # characters


class _PrivateFile(RotatingFileHandler):
    """With files that only their owner can read."""

    def _open(self) -> TextIOWrapper:
        opener = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731
        return open(self.baseFilename, "a", encoding="utf-8", errors="replace", opener=opener)  # type: ignore[return-value]


class TritonLog:
    """Takes what Triton and its models write.

    Args:
        path: of the file.
        heard: called with each line, from another thread.
    """

    def __init__(self, path: Path, heard: Callable[[str], None]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._heard = heard
        self._file = _PrivateFile(path, maxBytes=MOST_BYTES, backupCount=KEPT)
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
                self._file.handle(logging.makeLogRecord({"msg": line}))
                self._heard(line)

    def end(self, lines: int) -> str:
        """The last lines of the process that is followed."""
        return "\n".join(list(self._last)[-lines:])

    def keep_crash(self) -> Path:
        """Write the last lines beside the log, where the next start leaves them; returns where."""
        path = self._path.with_suffix(".crash.log")
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write("\n".join(self._last) + "\n")
        return path

    def close(self) -> None:
        """Close the file, when the process has ended."""
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._file.close()
