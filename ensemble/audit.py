"""The audit log: who changed what, and whose token was refused. Any process of the server may say so.

A line goes as one message to a socket, on which the process that started the server listens (server/audit.py). It
alone writes the log, so lines of several processes do not mix, and no text of a client can pass for a line. No line
holds a token.
"""

import contextlib
import json
import os
import socket
import sys
from datetime import datetime, timezone

from ensemble import variables
from ensemble.errors import shortened

CHANGE, REFUSED = "change", "refused"  # events
MOST_ENTRIES = 100  # that one line names
_PATIENCE = 1.0  # s that a change waits for room in the socket; a refusal does not


def record(event: str, **said: object) -> None:
    """Say what happened; does nothing where there is no audit log.

    Args:
        event: CHANGE or REFUSED.
        said: what the line holds besides the time and the event.
    """
    path = os.environ.get(variables.AUDIT_SOCKET, "")
    if not path:
        return
    line = json.dumps({"at": now(), "event": event, **{name: _short(value) for name, value in said.items()}})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_PATIENCE if event == CHANGE else 0.0)
            sender.sendto(line.encode(), path)
    except OSError as error:
        lost(line, error)


def lost(line: str, error: Exception) -> None:
    """Say that the log lacks a line; whatever happens to that, the server goes on."""
    with contextlib.suppress(OSError, ValueError):
        print(f"audit: a line was lost ({error}): {line}", file=sys.stderr, flush=True)


def now() -> str:
    """The time in UTC, as logs have it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(value: object) -> object:
    return shortened(value) if isinstance(value, str) else value
