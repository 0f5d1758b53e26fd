"""A progress bar on stderr."""

import sys
import time
from types import TracebackType

_WIDTH = 30  # characters of the bar itself


class Progress:
    """Shows how far `total` steps have come and the time left; without a terminal, only a first and a last line."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._bar = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        if not self._bar:
            print(f"{self._what}: {self._total}", file=sys.stderr)
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()
        print(
            f"{self._what}: {self._done} of {self._total} in {_clock(time.monotonic() - self._started)}",
            file=sys.stderr,
        )

    def advance(self, steps: int = 1) -> None:
        """That many more steps are done."""
        self._done += steps
        self._show()

    def expect(self, total: int) -> None:
        """There are, as it turns out, `total` steps in all."""
        self._total = total
        self._show()

    def note(self, line: str) -> None:
        """Write a line to stderr without disturbing the bar."""
        self._clear()
        print(line, file=sys.stderr)
        self._show()

    def _show(self) -> None:
        if not self._bar:
            return
        filled = _WIDTH * self._done // max(1, self._total)
        bar = "#" * filled + "." * (_WIDTH - filled)
        left = (time.monotonic() - self._started) / self._done * (self._total - self._done) if self._done else None
        ending = f"{_clock(left)} left" if left is not None else ""
        print(f"\r\x1b[K{self._what} [{bar}] {self._done}/{self._total} {ending}", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._bar:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
