"""The body of a request: refused as soon as it is too large or too slow."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from web.problems import Problem


class Body:
    """Counts a body while it comes.

    Args:
        receive: of ASGI.
        headers: of the request.
        most: bytes.
        seconds: for all of it.
        hold: counts bytes that are held, and may refuse them.
    """

    def __init__(
        self, receive: Receive, headers: Headers, most: int, seconds: float, hold: Callable[[int], None]
    ) -> None:
        self._receive, self._most, self._seconds, self._hold = receive, most, seconds, hold
        self._said = headers.get("content-length", "0")
        self._until: float | None = None
        self._complete = self._said == "0" and "transfer-encoding" not in headers
        self.held = 0  # bytes that came

    @property
    def unread(self) -> bool:
        """Whether more of it may come."""
        return not self._complete

    def check(self) -> None:
        """Refuse a body that says itself that it is too large.

        Raises:
            Problem: 413.
        """
        if not (self._said.isascii() and self._said.isdecimal() and int(self._said[:20]) <= self._most):
            raise self._too_large()

    async def receive(self) -> Message:
        """The next message, as ASGI's `receive`.

        Raises:
            Problem: 408, the body did not come in time; 413, it is too large; what `hold` raises.
        """
        if self._complete:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + self._seconds
        try:
            message = await asyncio.wait_for(self._receive(), max(self._until - now, 0.001))
        except asyncio.TimeoutError:
            raise Problem(408, "too-slow", f"The body did not arrive in {self._seconds:g} s.") from None
        if message["type"] != "http.request":
            return message
        size = len(message.get("body", b""))
        if self.held + size > self._most:
            raise self._too_large()
        self._hold(size)
        self.held += size
        self._complete = not message.get("more_body", False)
        return message

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", f"The body has more than {self._most} bytes.")
