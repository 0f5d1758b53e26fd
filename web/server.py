"""The server behind the gateway: asked in a bounded number of threads, each token with a client of its own."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from mintmark import Client, InvalidRequest, MintmarkError, RequestTimeout, Unauthorized
from web.sessions import Role

Answer = TypeVar("Answer")
Connect = Callable[[str], Client]

MOST_CLIENTS = 64  # tokens whose connections are kept
MOST_ROLES = 1000  # tokens whose role is remembered

_LEAST_SECONDS = 0.001  # a request has


class Server:
    """Asks the server. All methods are for the event loop's thread.

    Args:
        connect: gives a client that sends a token, '' for none.
        threads: requests at a time; more wait.
        role_seconds: for which the role of a token is remembered.
        clock: seconds.
    """

    def __init__(
        self, connect: Connect, threads: int, role_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect, self._role_seconds, self._clock = connect, role_seconds, clock
        self._threads = ThreadPoolExecutor(threads, "server")
        self._clients: OrderedDict[str, Client] = OrderedDict()
        self._roles: OrderedDict[str, tuple[Role, float]] = OrderedDict()
        self._checks: dict[str, asyncio.Future[Role]] = {}
        self._is_closed = False  # reading needs a token, until the server and this gateway start anew

    async def ask(self, token: str, question: Callable[[Client], Answer], seconds: float | None = None) -> Answer:
        """The answer to a question, which gets a client that sends the token.

        Args:
            token: '' for none.
            question: about which the server is asked.
            seconds: for the answer, the wait for a thread included; None leaves it to the client.

        Raises:
            MintmarkError: as the client does.
        """
        client, loop = self._client(token), asyncio.get_running_loop()
        run = copy_context().run  # what is traced goes on in the thread
        if seconds is None:
            return await loop.run_in_executor(self._threads, run, question, client)
        until = time.monotonic() + seconds

        def in_time() -> Answer:
            return question(client.with_timeout(max(until - time.monotonic(), _LEAST_SECONDS)))

        try:
            return await asyncio.wait_for(loop.run_in_executor(self._threads, run, in_time), seconds)
        except asyncio.TimeoutError:
            raise RequestTimeout(f"no answer in {seconds:g} s") from None

    async def role(self, token: str) -> Role:
        """What the server lets the holder of a token do; of '', everybody. A wrong token is NONE.

        Raises:
            MintmarkError: the server does not answer.
        """
        if (remembered := self.remembered(token)) is not None:
            return remembered
        if token not in self._checks:
            self._checks[token] = asyncio.ensure_future(self._asked_role(token))
            self._checks[token].add_done_callback(lambda done: self._checked(token, done))
        return await asyncio.shield(self._checks[token])

    def is_checking(self, token: str) -> bool:
        """Whether the server is being asked about the role of a token."""
        return token in self._checks

    def _checked(self, token: str, done: "asyncio.Future[Role]") -> None:
        del self._checks[token]
        if not done.cancelled():
            done.exception()  # else asyncio logs that nobody looked, where all who asked are gone

    async def _asked_role(self, token: str) -> Role:
        try:
            role = await self.ask(token, _role)
        except InvalidRequest:  # no header can carry the token
            return Role.NONE
        if token and role is Role.READ and await self.role("") is not Role.NONE:
            role = Role.NONE  # everybody may read, and the server does not look at the token for that
        if role is Role.NONE and token:
            self._drop(token)
        self._roles[token] = (role, self._clock() + self._role_seconds)
        if len(self._roles) > MOST_ROLES:
            self._roles.popitem(last=False)
        return role

    def remembered(self, token: str) -> Role | None:
        """The role of a token, if the server was asked a moment ago."""
        role, until = self._roles.get(token, (None, 0.0))
        return role if until > self._clock() else None

    async def answers(self) -> bool:
        """Whether the server says that it is ready, and its catalog answers where everybody may read it.

        Where only tokens may, the question for the catalog is asked once: each would be a refused token in the log.
        """
        try:
            return await self.ask("", Client.is_ready) and (self._is_closed or await self._catalog_answers())
        except MintmarkError:
            return False

    async def _catalog_answers(self) -> bool:
        try:
            await self.ask("", Client.known)
        except Unauthorized:
            self._is_closed = True
        return True

    def close(self) -> None:
        """Wait for what is under way, and close all connections."""
        self._threads.shutdown()
        while self._clients:
            self._clients.popitem()[1].close()

    def _drop(self, token: str) -> None:
        if (client := self._clients.pop(token, None)) is not None:
            client.close()

    def _client(self, token: str) -> Client:
        if token not in self._clients:
            self._clients[token] = self._connect(token)
            if len(self._clients) > MOST_CLIENTS:
                self._clients.popitem(last=False)[1].close()
        self._clients.move_to_end(token)
        return self._clients[token]


def _role(client: Client) -> Role:
    try:
        return Role.CHANGE if client.may_change() else Role.READ
    except Unauthorized:
        return Role.NONE
