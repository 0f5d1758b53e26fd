"""Ports for servers that start later, or again."""

import contextlib
import random
import socket
from pathlib import Path

from server.launch import LOOPBACK

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000


def lasting_ports(count: int) -> list[int]:
    """Ports of loopback that are free, and that the system gives to no connection meanwhile."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.is_file() else 32_768
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = random.randrange(_LOWEST, end)
            taken = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                taken.bind((LOOPBACK, port))
                found.append(port)
        return found
