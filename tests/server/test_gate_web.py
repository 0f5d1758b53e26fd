"""The gate over HTTP before what stands for Triton: what it counts, answers and logs when either end is odd."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web as http

from server.gate import web
from server.gate.settings import HTTP_SOCKET, METRICS_SOCKET, GateSettings
from server.gate.state import State
from server.launch import Ports

MOST = 1_000  # bytes of a message
SECRET = "the-readers-token"
HEAD = (
    b"POST /v2/models/coin_search/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer " + SECRET.encode() + b"\r\n"
)
EMPTY = HEAD + b"Content-Length: 2\r\n\r\n{}"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass
class Stand:
    """The gate, and how Triton behaves: it answers, refuses, ends in the middle, or hangs."""

    ports: Ports
    triton: str = "answers"
    heard: list[str] = field(default_factory=list)  # headers `authorization`

    async def send(self, data: bytes, port: int = 0, leave: bool = False) -> bytes:
        """The beginning of the answer to some bytes; none to who leaves at once."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.ports.http)
        writer.write(data)
        await writer.drain()
        try:
            return b"" if leave else await reader.read(200)
        finally:
            writer.close()

    async def scraped(self) -> str:
        """The metrics."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.metrics)
        writer.write(SCRAPE)
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    async def counted(self) -> dict[tuple[str, str], float]:
        """How many requests were answered so, by code and fault."""
        found = re.findall(r'^mintmark_requests_total.*code="(\w+)",fault="(\w*)"\} (\S+)$', await self.scraped(), re.M)
        return {(code, fault): float(count) for code, fault, count in found if float(count)}


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Stand]:
    stand, over = Stand(Ports.free()), asyncio.Event()

    async def triton(request: http.Request) -> http.Response:
        stand.heard.append(request.headers.get("authorization", ""))
        if stand.triton == "hangs":
            await over.wait()
        if stand.triton == "refuses":
            return http.json_response({"error": "in ensemble 'coin_search', [INVALID_PHOTO] empty"}, status=400)
        if stand.triton == "ends" and request.transport is not None:
            request.transport.close()
        return http.json_response({})

    sockets = folder / "s"
    sockets.mkdir()
    application = http.Application()
    application.router.add_route("*", "/{path:.*}", triton)
    runner = http.AppRunner(application, access_log=None)
    await runner.setup()
    for name in (HTTP_SOCKET, METRICS_SOCKET):
        await http.UnixSite(runner, str(sockets / name)).start()
    settings = GateSettings(
        str(sockets),
        "127.0.0.1",
        stand.ports.grpc,
        stand.ports.http,
        stand.ports.metrics,
        message_bytes=MOST,
        reading={"reader": SECRET},
        admin_key="the-operators-key",
    )
    servers = await web.serve(settings, State(True, True, 0))
    yield stand
    over.set()
    for server in servers:
        server.close()
    await runner.cleanup()


def run(folder: Path, what: Callable[[Stand], Coroutine[Any, Any, None]]) -> None:
    async def all_of_it() -> None:
        async with standing(folder) as stand:
            await what(stand)

    asyncio.run(all_of_it())


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, b"413", "REFUSED"),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx", b"400", "REFUSED"),
        (HEAD + b"Content-Length: 4\r\n\r\nxxxx", b"400", "REFUSED"),
        (HEAD.replace(SECRET.encode(), b"\xff\xfe") + b"Content-Length: 2\r\n\r\n{}", b"401", "UNAUTHORIZED"),
    ],
    ids=["too large", "no gzip", "no JSON", "a token of odd bytes"],
)
def test_a_bad_request_is_its_senders_fault(request_: bytes, status: bytes, code: str, tmp_path: Path) -> None:
    async def ask(stand: Stand) -> None:
        assert status in await stand.send(request_)
        assert await stand.counted() == {(code, "client"): 1}

    run(tmp_path, ask)


def test_a_refusal_of_triton_has_its_code(tmp_path: Path) -> None:
    async def ask(stand: Stand) -> None:
        stand.triton = "refuses"
        assert b"400" in await stand.send(EMPTY)
        assert await stand.counted() == {("INVALID_PHOTO", "client"): 1}

    run(tmp_path, ask)


def test_who_leaves_before_the_request_is_whole_is_counted_as_gone(tmp_path: Path) -> None:
    async def ask(stand: Stand) -> None:
        await stand.send(HEAD + b"Content-Length: 500\r\n\r\nx", leave=True)
        while not (counted := await stand.counted()):
            await asyncio.sleep(0.01)
        assert counted == {("CANCELLED", "client"): 1}

    run(tmp_path, ask)


def test_odd_bytes_do_not_pass_for_the_operators_key(tmp_path: Path) -> None:
    async def ask(stand: Stand) -> None:
        data = b"GET /v2/models/search/config HTTP/1.1\r\nHost: localhost\r\nMintmark-Admin: \xff\r\n\r\n"
        assert b"403" in await stand.send(data)

    run(tmp_path, ask)


def test_a_server_that_ends_or_hangs_may_have_done_what_it_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the answer is none of those after which a client asks again."""

    async def ask(stand: Stand) -> None:
        stand.triton = "ends"
        answer = await stand.send(EMPTY)
        assert b"502" in answer and b"application/json" in answer
        stand.triton = "hangs"
        answer = await stand.send(EMPTY)
        assert b"504" in answer and b"application/json" in answer
        assert await stand.counted() == {("FAILED", "server"): 1, ("TIMEOUT", "load"): 1}

    monkeypatch.setattr(web, "TRITON_TIMEOUT", 0.2)
    monkeypatch.setattr(web, "METRICS_TIMEOUT", 0.2)
    run(tmp_path, ask)


@pytest.mark.parametrize("triton", ["ends", "hangs"])
def test_the_gates_own_metrics_come_whatever_becomes_of_triton(
    triton: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(stand: Stand) -> None:
        assert "\nmintmark_ready 1.0\n" in await stand.scraped()
        stand.triton = triton
        assert "\nmintmark_ready 0.0\n" in await stand.scraped()

    monkeypatch.setattr(web, "METRICS_TIMEOUT", 0.2)
    run(tmp_path, ask)


def test_what_strangers_send_fills_no_log_and_no_token_gets_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = [
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nxx",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx",
        b"POST /v2 HTTP/1.1\r\nAuthorization: Bearer " + SECRET.encode() + b"\x00\r\n\r\n",
        b"\x16\x03\x01\x00garbage\r\n\r\n",
        b"GET http://[::/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    ]

    async def ask(stand: Stand) -> None:
        for port in (stand.ports.http, stand.ports.metrics):
            for data in odd:
                assert b" 40" in await stand.send(data, port)
        await stand.send(HEAD + b"Content-Length: 500\r\n\r\nx", leave=True)
        while ("CANCELLED", "client") not in await stand.counted():
            await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO):
        run(tmp_path, ask)
    assert caplog.text == ""
