"""The command `mintmark` in a process of its own, with a pseudo-terminal where people have theirs."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from mintmark import Client, MockTransport
from mintmark._cli import main
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
server = FakeCoinServer()
{prepare}
sys.exit(main(None, lambda args: Client(transport=MockTransport(server))))
"""


@dataclass(frozen=True)
class Run:
    """What a command wrote to its stdout and to the terminal, and its exit code."""

    out: str
    terminal: str
    code: int


def command(prepare: str, *words: object) -> list[str]:
    """The command against a server in memory; `prepare`: Python that fills the catalog of `server`."""
    return [sys.executable, "-c", PROGRAM.format(prepare=prepare), *map(str, words)]


def environment(**variables: str) -> dict[str, str]:
    """For a process that imports this working tree."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "python_client" / "src")])
    return {**os.environ, "PYTHONPATH": paths, "TERM": "xterm", **variables}


def at_terminal(words: Sequence[str], keys: str = "", *, piped: bool = True, **variables: str) -> Run:
    """Run a command whose stdin and stderr, and stdout unless `piped`, are a terminal at which `keys` are typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.PIPE if piped else theirs, stderr=theirs, cwd=ROOT,
        env=_environment(variables), text=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, keys.encode())
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    out = process.communicate(timeout=60)[0] or ""
    os.close(ours)
    return Run(out, shown.decode().replace("\r\n", "\n"), process.returncode)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    plain = {name: value for name, value in environment().items() if name != "NO_COLOR"}
    return {**plain, **variables}


def _read(descriptor: int) -> bytes:
    """What comes next; nothing once the process has closed the terminal, which Linux says by an error."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""
