"""The page in a real browser, before a real server with coins in its catalog."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Dialog, FilePayload, Page, expect

from ensemble import variables
from loadtest.phones.browser import CHROMIUM, MISSING, PHONE, OpenBrowser, browsers, film
from mintmark import Client
from tests.server.conftest import ROOT, SERVE_PYTHON, TOKEN, Coin, Running, jpeg, launch, make_coin

expect.set_options(timeout=20_000)  # ms

READ_TOKEN = "the-token-that-reads"
SECONDS = 20  # that a page may take for anything
KNOWN, UNKNOWN = (900_001, 900_012, 900_023), 900_034  # seeds of rendered coins


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser there is nothing to test here."""
    if shutil.which(CHROMIUM) is None:
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that needs tokens."""
    tokens = {variables.TOKEN: TOKEN, variables.READ_TOKEN: READ_TOKEN}
    running = launch(tmp_path_factory.mktemp("server"), **tokens)
    yield running
    running.stop()


@dataclass
class Gateway:
    """A gateway in a process of its own, which can be stopped and started at the same address."""

    server: Running
    arguments: tuple[str, ...] = ()
    folder: Path = ROOT  # that has the package `web`
    port: int = 0
    process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, until it listens."""
        command = [str(ROOT / SERVE_PYTHON), "-m", "web", "--url", self.server.url, "--port", str(self.port)]
        paths = filter(None, (str(self.folder), str(ROOT), os.environ.get("PYTHONPATH")))
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ready = re.search(r"ready: \S+:([0-9]+)", self.process.stdout.readline())
        assert ready
        self.port = int(ready[1])

    def stop(self) -> None:
        """Stop it."""
        assert self.process is not None and self.process.stdout is not None
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="package")
def gateway(server: Running) -> Iterator[Gateway]:
    """A gateway before the server."""
    running = Gateway(server)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def coins() -> list[Coin]:
    """Rendered coins that the catalog has."""
    return [make_coin(seed) for seed in KNOWN]


@pytest.fixture(scope="session")
def stranger() -> Coin:
    """A rendered coin that the catalog lacks."""
    return make_coin(UNKNOWN)


@pytest.fixture(scope="package")
def client(server: Running) -> Iterator[Client]:
    """A client of the server, past the page."""
    with Client(server.url, token=TOKEN) as client:
        yield client


@pytest.fixture(scope="package")
def enrolled(client: Client, coins: list[Coin]) -> list[str]:
    """Ids of the entries of the coins."""
    return [client.enroll(jpeg(coin.catalog), coin.fields).id for coin in coins]


@pytest.fixture
def cleared(client: Client, enrolled: list[str]) -> Iterator[None]:
    """Whatever a test enrolls is gone after it."""
    before = {entry.id for entry in client.entries()}
    yield
    for entry in [entry for entry in client.entries() if entry.id not in before]:
        client.remove(entry.id)


FilmOf = Callable[..., Path]


@pytest.fixture(scope="session")
def film_of(tmp_path_factory: pytest.TempPathFactory) -> FilmOf:
    """Makes a film of RGB pictures."""
    folder = tmp_path_factory.mktemp("films")

    def make(*pictures: np.ndarray, frames: int = 60) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.mjpeg"
        return film(path, [np.ascontiguousarray(picture[:, :, ::-1]) for picture in pictures], frames)

    return make


@pytest.fixture(scope="module")
def open_browser() -> Iterator[OpenBrowser]:
    """Opens browsers, one for each film; they stay while the module's tests run."""
    with browsers() as opened:
        yield cache(opened)


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(gateway: Gateway, open_browser: OpenBrowser) -> Iterator[OpenPage]:
    """Opens pages. An error of a script, and a dialog that is not the page's own, fails the test."""
    errors: list[str] = []

    def refused(dialog: Dialog) -> None:
        errors.append(dialog.message)
        dialog.dismiss()

    with ExitStack() as stack:

        def open_one(
            path: str = "",
            *,
            shown: Path | None = None,
            size: tuple[int, int] = PHONE,
            token: str | None = TOKEN,
            language: str = "en-GB",
            dark: bool = False,
            browser: Browser | None = None,
            url: str = "",
        ) -> Page:
            context = (browser or open_browser(shown)).new_context(
                viewport={"width": size[0], "height": size[1]},
                locale=language,
                color_scheme="dark" if dark else "light",
                permissions=["camera"] if shown else [],
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(1000 * SECONDS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("dialog", refused)
            page.goto(f"{url or gateway.url}/" + (f"#token={token}" if token else ""))
            page.locator("h1, dialog").first.wait_for(state="attached")
            if path:
                go(page, path)
            return page

        yield open_one
    assert errors == []


def file(name: str, picture: np.ndarray) -> FilePayload:
    """An RGB picture as a file that somebody chooses."""
    return {"name": name, "mimeType": "image/jpeg", "buffer": jpeg(picture)}


def wait(page: Page, condition: str) -> None:
    """Wait until a JavaScript expression is true; Playwright's own way evaluates texts, which the page forbids."""
    until = time.monotonic() + SECONDS
    while not page.evaluate(condition):
        assert time.monotonic() < until, f"never: {condition}"
        page.wait_for_timeout(50)


def go(page: Page, path: str) -> None:
    """Go to a view, as a link does."""
    page.evaluate("path => { location.hash = `#/${path}` }", path)
    page.locator(f"body[data-view='{path.partition('/')[0].partition('?')[0]}'] h1").wait_for(state="attached")
