"""Camera frames over a WebSocket: the newest wins.

A message is four bytes, the frame's number (unsigned, big endian), and a JPEG file. Of each socket, one frame is with
the server at a time; one that comes meanwhile waits, and takes the place of the one that waited. Each answer is JSON.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from mintmark import Ellipse, FoundCoin, InvalidPhoto, Match, MintmarkError
from web.access import Access, reader
from web.cookies import session_id
from web.door import is_own_page
from web.gateway import Gateway, Shared
from web.limits import Bucket
from web.problems import Problem, ProblemDetails, problem_of
from web.recognizing import Search, recognize, search_of
from web.settings import NUMBER_BYTES, Settings
from web.tracing import span

router = APIRouter()

_JPEG = b"\xff\xd8\xff"
_POLICY, _TYPE, _SIZE = 1008, 1003, 1009  # codes of closing (RFC 6455, 7.4.1)


class FrameAnswer(BaseModel):
    """What a frame shows, as in `mintmark.Recognition`; with `all`, its `coins` and `sums`; or the problem it made."""

    frame: int
    found: bool = False
    ellipse: Ellipse | None = None
    known: bool = False
    margin: float = 0.0
    matches: tuple[Match, ...] = ()
    coins: tuple[FoundCoin, ...] | None = None
    sums: dict[str, str] | None = None
    problem: ProblemDetails | None = None


class _Newest:
    """Holds the newest frame that was not asked about."""

    def __init__(self) -> None:
        self._frame: bytes | None = None
        self._there = asyncio.Event()

    def put(self, frame: bytes) -> None:
        self._frame = frame
        self._there.set()

    async def take(self) -> bytes:
        await self._there.wait()
        self._there.clear()
        frame, self._frame = self._frame, None
        return frame or b""


@router.websocket("/frames")
async def frames(socket: WebSocket, gateway: Shared, search: Annotated[Search, Depends(search_of)]) -> None:
    """Answer frames until the other end goes, or the session ends."""
    try:
        access = await reader(socket)
        if access.csrf and not is_own_page(socket):
            raise Problem(
                403, "no-origin", "A socket needs the header 'Origin', which browsers send, or a bearer token."
            )
    except (Problem, MintmarkError) as error:
        await socket.send_denial_response(problem_of(error).response())
        return
    await socket.accept()
    newest = _Newest()
    tasks = {
        asyncio.ensure_future(_receive(socket, gateway.settings, newest)),
        asyncio.ensure_future(_answer(socket, gateway, access, search, newest)),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        code, reason = next(iter(done)).result()
        await socket.close(code, reason)
    except WebSocketDisconnect:
        pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # `gather` hides who cancels, if somebody does
        for task in tasks:
            if not task.cancelled():
                task.exception()  # else asyncio logs that nobody looked


async def _receive(socket: WebSocket, settings: Settings, newest: _Newest) -> tuple[int, str]:
    """Take frames as they come; returns why the socket is to be closed."""
    bucket = Bucket(settings.frames, 2 * settings.frames)
    while True:
        try:
            message = await asyncio.wait_for(socket.receive(), settings.silent_seconds)
        except asyncio.TimeoutError:
            return _POLICY, f"no frame came for {settings.silent_seconds:g} s"
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        frame = message.get("bytes")
        if frame is None or len(frame) < NUMBER_BYTES:
            return _TYPE, "a frame is its number, in four bytes, and a JPEG"
        if len(frame) - NUMBER_BYTES > settings.frame_bytes:
            return _SIZE, f"a frame has at most {settings.frame_bytes} bytes"
        if bucket.take():
            return _POLICY, f"more than {settings.frames:g} frames a second"
        newest.put(frame)


async def _answer(
    socket: WebSocket, gateway: Gateway, access: Access, search: Search, newest: _Newest
) -> tuple[int, str]:
    """Answer the newest frame, again and again, while the session lasts."""
    while True:
        frame = await newest.take()
        if access.session and gateway.sessions.get(session_id(socket)) is not access.session:
            return _POLICY, "the session has ended"
        with span("camera frame"):
            answer = await _about(gateway, access, search, frame)
        await socket.send_text(answer.model_dump_json())
        if answer.problem and answer.problem.status == 401:
            return _POLICY, answer.problem.detail


async def _about(gateway: Gateway, access: Access, search: Search, frame: bytes) -> FrameAnswer:
    number, photo = int.from_bytes(frame[:NUMBER_BYTES], "big"), frame[NUMBER_BYTES:]
    seconds = gateway.settings.frame_seconds
    try:
        if not photo.startswith(_JPEG):
            raise InvalidPhoto("a frame must be a JPEG")
        seen = await gateway.server.ask(access.token, lambda client: recognize(client, photo, search), seconds)
    except MintmarkError as error:
        return FrameAnswer(frame=number, problem=problem_of(error).details)
    if seen.coin is None:
        return FrameAnswer(frame=number, found=bool(seen.coins), coins=seen.coins, sums=seen.sums)
    coin = seen.coin
    return FrameAnswer(
        frame=number, found=coin.found, ellipse=coin.ellipse, known=coin.known, margin=coin.margin, matches=coin.matches
    )
