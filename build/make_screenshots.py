"""Make the pictures of the page in the documents: docs/page/.

    python build/make_screenshots.py

It starts a server with rendered coins and those of examples/coins, and looks at every view in Chromium. Look at them
after a change of the page, and commit what got better.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import _project  # noqa: F401  before the project's packages
import cv2
import numpy as np
from playwright.sync_api import Browser, Page, ViewportSize

from ensemble.places import ROOT
from loadtest.phones.browser import DESKTOP, PHONE, BrowserError, OpenBrowser, Picture, browsers, film
from loadtest.photos import labelled, rendered
from mintmark import Client
from mintmark._cli import main as mintmark
from server.embedded import EmbeddedServer
from server.gateway import Web

OUT = ROOT / "docs" / "page"
COINS, SIZE = 24, 1600  # rendered coins, and px of their photos
TRAY = 2, 3  # coins beside each other, and below each other
ABOUT = 1.7  # radii of a coin that its close-up shows on each side
CLOSE = 1.25  # the same, of a coin on the tray
SHARP = 1.5  # px of a picture in one of the page
GAP = 24  # px between pictures side by side
QUALITY = 82  # of the JPEGs

Show = Callable[[Page], None]


def close_up(client: Client, photo: Path, about: float = ABOUT) -> Picture:
    """A coin's photo from so close that it fills most of it."""
    picture = np.asarray(cv2.imread(str(photo)), np.uint8)
    ellipse = client.recognize(photo).ellipse
    assert ellipse is not None
    reach = round(about * ellipse.a)
    padded = cv2.copyMakeBorder(picture, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    x, y = round(ellipse.cx), round(ellipse.cy)
    return np.asarray(cv2.resize(padded[y : y + 2 * reach, x : x + 2 * reach], (900, 900)), np.uint8)


def shoot(
    browser: Browser, address: str, name: str, show: Show, size: tuple[int, int], dark: bool, language: str
) -> None:
    """Take the picture of one view."""
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    context = browser.new_context(
        viewport=viewport,
        device_scale_factor=SHARP,
        color_scheme="dark" if dark else "light",
        locale=language,
        permissions=["camera"],
    )
    page = context.new_page()
    page.goto(address)
    page.locator("html[data-role]").wait_for(state="attached")
    show(page)
    page.wait_for_timeout(1200)  # pictures that come later
    page.screenshot(path=OUT / f"{name}.jpg", type="jpeg", quality=QUALITY)
    print(OUT.relative_to(ROOT) / f"{name}.jpg", flush=True)
    context.close()


def at(path: str) -> Show:
    """A view by its address."""

    def show(page: Page) -> None:
        page.evaluate("path => { location.hash = `#/${path}` }", path)
        page.locator(f"body[data-view='{path.partition('/')[0]}'] h1").wait_for(state="attached")

    return show


def named(page: Page) -> None:
    """The camera, when it knows the coin."""
    page.locator("button.found").wait_for()
    page.wait_for_timeout(1500)


def answered(way: str) -> Show:
    """The answer about what the camera sees, compared in one way."""

    def show(page: Page) -> None:
        named(page)
        page.locator("button.found").click()
        page.locator(".comparer").wait_for()
        page.locator(f".comparer [value={way}]").check(force=True)

    return show


def all_coins(page: Page) -> None:
    """The camera over a tray."""
    page.locator("[name=mode][value=all]").check(force=True)
    page.locator(".sum").wait_for()
    page.wait_for_timeout(2500)


def join(name: str, parts: tuple[str, ...]) -> None:
    """Lay pictures side by side."""
    pictures = [np.asarray(cv2.imread(str(OUT / f"{part}.jpg")), np.uint8) for part in parts]
    gap = np.full((len(pictures[0]), GAP, 3), 255, np.uint8)
    joined = np.hstack([one for picture in pictures for one in (picture, gap)][:-1])
    cv2.imwrite(str(OUT / f"{name}.jpg"), joined, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))


def take(open_browser: OpenBrowser, server: EmbeddedServer, folder: Path) -> None:
    """Take all pictures."""
    collection = rendered(COINS, SIZE)
    with Client(server.url) as client:
        for photo, fields in labelled(collection):
            client.enroll(photo, fields)
        mintmark(["--url", server.url, "enroll", "--from", str(ROOT / "examples" / "coins" / "labels.csv")])
        known = [photo for photo in sorted((collection / "query").iterdir()) if client.recognize(photo).known]
        close = [close_up(client, photo, CLOSE) for photo in known[: TRAY[0] * TRAY[1]]]
        first = close_up(client, known[0])
        stranger = close_up(client, min((collection / "unknown").iterdir()))
        entry = client.recognize(known[0]).matches[0].entry.id
    one = open_browser(film(folder / "one.mjpeg", [first]))
    tray = open_browser(
        film(
            folder / "tray.mjpeg",
            [np.vstack([np.hstack(close[at : at + TRAY[0]]) for at in range(0, len(close), TRAY[0])])],
        )
    )
    new = open_browser(film(folder / "new.mjpeg", [stranger]))
    bare = open_browser(None)
    views: list[tuple[Browser, str, Show, tuple[int, int], bool, str]] = [
        (one, "camera", named, PHONE, False, "en"),
        (one, "answer", answered("over"), PHONE, False, "en"),
        (one, "agreement", answered("agrees"), PHONE, True, "en"),
        (tray, "all_coins", all_coins, PHONE, True, "en"),
        (new, "unknown", lambda page: page.locator(".card .primary").wait_for(), PHONE, False, "de"),
        (bare, "without_camera", at("camera"), PHONE, False, "en"),
        (bare, "add", at("add"), PHONE, True, "de"),
        (bare, "more", at("more"), PHONE, False, "en"),
        (bare, "collection", at("collection"), DESKTOP, False, "en"),
        (bare, "entry", at(f"entry/{entry}"), DESKTOP, True, "en"),
        (bare, "import", at("import"), DESKTOP, False, "en"),
        (bare, "history", at("history"), DESKTOP, True, "en"),
    ]
    for browser, name, show, size, dark, language in views:
        shoot(browser, server.web_address, name, show, size, dark, language)
    join("phone", ("camera", "answer", "agreement", "all_coins"))


def main() -> int:
    """Make the pictures; 1 where there is no browser."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mintmark-screenshots-") as folder:
        try:
            with browsers() as open_browser, EmbeddedServer(Path(folder) / "catalog", web=Web(port=0)) as server:
                take(open_browser, server, Path(folder))
        except BrowserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
