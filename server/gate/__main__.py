"""One process of the gate: `python -m server.gate grpc` or `python -m server.gate web`, started by `server.gates`.

The first line of its input holds its settings, each further one the state of Triton. It says `open` when its ports are.
When its input ends, it ends; if the process that watched Triton is gone, it ends Triton's processes first.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any

from server.gate.settings import GateSettings
from server.gate.state import State

KINDS = {"grpc": "server.gate.calls", "web": "server.gate.web"}  # modules: each process imports its own
_GRACE = 40.0  # s that Triton has for requests in flight
_POLL = 0.2  # s


async def run(kind: str) -> int:
    """Serve until the input ends. Returns the exit status: 1 where a port cannot be opened."""
    lines = await _lines()
    settings, state = GateSettings.from_json((await lines.readline()).decode()), State()
    try:
        servers: Any = await import_module(KINDS[kind]).serve(settings, state)
    except OSError as error:
        print(f"error: {error}", flush=True)
        return 1
    print("open", flush=True)
    while line := await lines.readline():
        state.take(line.decode())
    del servers
    await _end(state.group)
    return 0


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _end(group: int) -> None:
    """End a group of processes whose watcher is gone; 0 is none."""
    if not group:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        for _ in range(round(_GRACE / _POLL)):
            os.kill(group, 0)  # its leader is Triton
            await asyncio.sleep(_POLL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def main() -> int:
    """Command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the watcher, which closes the gate last
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection takes a descriptor
    return asyncio.run(run(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
