"""Phones at the page's camera: time from a frame to the outline on it, frames a second, fairness, the first answer.

    python -m loadtest.phones [--phones 1 4] [--seconds 20] [--out data/loadtest/phones]

Every phone is a page in a Chromium of its own, whose camera shows a film of a rendered coin. Browsers, gateway and
server run on the same cores. `--page` takes a gateway that runs already, without tokens.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, ViewportSize
from tqdm import tqdm

from loadtest import command, host
from loadtest.phones.browser import PHONE, BrowserError, OpenBrowser, browsers, film
from loadtest.tables import number, table
from server.gateway import Web
from server.wheel import ServerError

PATIENCE = 20.0  # s until a first answer
_DURATIONS = "performance.getEntriesByName('frame').map(entry => [entry.startTime, entry.duration])"


@dataclass(frozen=True)
class Seen:
    """What phones saw together.

    Attributes:
        phones: pages at a time.
        first: s from opening a page that was never opened to its first outline, median of the phones.
        p50: ms from a frame to the outline on it.
        p95: the same.
        each: frames a second of each phone, fewest first.
    """

    phones: int
    first: float
    p50: float
    p95: float
    each: list[float]


def watch(open_browser: OpenBrowser, shown: Path, address: str, phones: int, seconds: float) -> Seen:
    """Let phones look at a film for a while.

    Args:
        open_browser: of `browsers`.
        shown: the film.
        address: of the gateway.
        phones: pages at a time.
        seconds: that are measured, after every phone has had its first answer.
    """
    with ExitStack() as stack:
        pages, first = [], []
        for _ in range(phones):
            browser = open_browser(shown)
            stack.callback(browser.close)
            page = browser.new_context(viewport=_size(), permissions=["camera"]).new_page()
            started = time.monotonic()
            page.goto(address)
            _wait_for_answer(page)
            first.append(time.monotonic() - started)
            pages.append(page)
        begun = [page.evaluate("performance.now()") for page in pages]
        time.sleep(seconds)
        durations = [
            [duration for at, duration in page.evaluate(_DURATIONS) if at >= begin]
            for page, begin in zip(pages, begun, strict=True)
        ]
    every = [duration for one in durations for duration in one]
    p95 = float(np.percentile(every, 95))
    rates = sorted(len(one) / seconds for one in durations)
    return Seen(phones, statistics.median(first), statistics.median(every), p95, rates)


def _size() -> ViewportSize:
    return {"width": PHONE[0], "height": PHONE[1]}


def _wait_for_answer(page: Page) -> None:
    until = time.monotonic() + PATIENCE
    while not page.evaluate("performance.getEntriesByName('frame').length"):
        if time.monotonic() > until:
            raise BrowserError(f"the page gave no answer in {PATIENCE:g} s: does the gateway need a token?")
        time.sleep(0.02)


def show(seen: list[Seen]) -> list[str]:
    """The lines of a table."""
    header = ["phones", "first answer, s", "p50, ms", "p95, ms", "frames/s each"]
    rows = [
        [str(one.phones), number(one.first), number(one.p50), number(one.p95), " ".join(map(number, one.each))]
        for one in seen
    ]
    return table(header, rows)


@contextmanager
def _gateway(options: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """The address of a gateway, and a photo of a coin that its catalog has, if it was started here."""
    with host.host(options, web=Web(port=0)) as there:
        yield options.page or there.page, there.to_enroll[0][0]


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where something does not start."""
    parser = command.parser("loadtest.phones", __doc__)
    host.add_arguments(parser)
    parser.add_argument("--page", help="address of a running gateway; without it, one is started for the test")
    parser.add_argument("--phones", type=int, nargs="+", default=[1, 4], help="at a time (1 4)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each number of phones (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/phones"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    host.pin(options.cores)
    try:
        with _gateway(options) as (address, photo), browsers() as open_browser:
            shown = film(options.out.resolve() / "coin.mjpeg", [np.asarray(cv2.imread(str(photo)), np.uint8)])
            bar = tqdm(options.phones, unit="phones", leave=False)
            seen = [watch(open_browser, shown, address, phones, options.seconds) for phones in bar]
    except (BrowserError, ServerError, FileNotFoundError) as error:
        return command.failed(error)
    command.write_json(options.out / "figures.json", [asdict(one) for one in seen])
    print("\n".join(show(seen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
