"""Sessions: a random id in the browser's cookie, the token here in memory."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class Role(str, Enum):
    """What somebody may do."""

    NONE = "none"
    READ = "read"
    CHANGE = "change"


@dataclass(frozen=True)
class Session:
    """A login.

    Attributes:
        token: that the server is asked with; '' where it needs none.
        role: of the token.
        csrf: value of the header that a change must carry.
        until: when it ends, by the clock of the sessions.
    """

    token: str = field(repr=False)
    role: Role
    csrf: str = field(repr=False)
    until: float


class Sessions:
    """The sessions that last. All methods are for one thread.

    Args:
        most: that are kept; the one that was used longest ago makes room.
        seconds: that each lasts.
        clock: seconds.
    """

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._kept: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def start(self, token: str, role: Role) -> tuple[str, Session]:
        """Begin a session; returns its id, which is new whatever the browser had before."""
        now = self._clock()
        for ended in [key for key, session in self._kept.items() if session.until <= now]:
            del self._kept[ended]
        if len(self._kept) >= self._most:
            self._kept.popitem(last=False)
        name = secrets.token_urlsafe(32)
        session = Session(token, role, secrets.token_urlsafe(32), now + self._seconds)
        self._kept[_key(name)] = session
        return name, session

    def get(self, name: str) -> Session | None:
        """The session with an id; None if there is none, or it has ended."""
        session = self._kept.get(_key(name))
        if session is None:
            return None
        if session.until <= self._clock():
            self.end(name)
            return None
        self._kept.move_to_end(_key(name))
        return session

    def end(self, name: str) -> None:
        """End a session, if it lasts."""
        self._kept.pop(_key(name), None)


def _key(name: str) -> bytes:
    # How long a look-up takes says nothing of an id whose hash is looked up.
    return hashlib.sha256(name.encode(errors="replace")).digest()
