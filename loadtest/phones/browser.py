"""Debian's Chromium, driven by Playwright, with a film for a camera."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, sync_playwright

Picture = npt.NDArray[np.uint8]
"""BGR [h, w, 3]."""

FILM = 1280, 720  # px
PHONE = 390, 844  # px of a page
DESKTOP = 1280, 800
CHROMIUM = "chromium"
MISSING = "Chromium is missing: make debian installs it"
_DRIFT = 16, 9  # px by which a hand moves
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90)


class BrowserError(Exception):
    """There is no browser."""


def film(path: Path, pictures: Iterable[Picture], frames: int = 60) -> Path:
    """Write a film that shows pictures one after the other, as a hand holds a phone over them.

    Args:
        path: of the film, Motion JPEG, which needs no library; its name must end in .mjpeg.
        pictures: each is shown whole, on a ground of the colour of its edge.
        frames: for which each is shown. A browser shows 30 each second, and begins again after the last.

    Returns:
        `path`.
    """
    with path.open("wb") as file:
        for picture in pictures:
            ground = [int(value) for value in np.median(picture[0], axis=0)]
            height, width = picture.shape[:2]
            scale = min(FILM[0] / width, FILM[1] / height)
            for frame in range(frames):
                turn = 2 * np.pi * frame / frames
                left = (FILM[0] - scale * width) / 2 + _DRIFT[0] * np.sin(turn)
                top = (FILM[1] - scale * height) / 2 + _DRIFT[1] * np.sin(2 * turn)
                place = np.array([[scale, 0, left], [0, scale, top]], np.float32)
                shown = cv2.warpAffine(picture, place, FILM, flags=cv2.INTER_AREA, borderValue=ground)
                file.write(cv2.imencode(".jpg", shown, _JPEG)[1].tobytes())
    return path


OpenBrowser = Callable[..., Browser]


@contextmanager
def browsers() -> Iterator[OpenBrowser]:
    """A function that opens a browser: `open_browser(shown, *arguments)`.

    `shown` is the film that its camera shows; with None, it has no camera. `arguments` are further ones of Chromium.
    The function raises BrowserError where Chromium is not installed.
    """
    with sync_playwright() as playwright, ExitStack() as stack:

        def open_browser(shown: Path | None = None, *arguments: str) -> Browser:
            where = shutil.which(CHROMIUM)
            if where is None:
                raise BrowserError(MISSING)
            if shown:
                arguments += ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={shown}")
            # Its own sandbox needs rights that containers do not have; it opens no page but the gateway's.
            browser = playwright.chromium.launch(executable_path=where, args=["--no-sandbox", *arguments])
            stack.callback(browser.close)
            return browser

        yield open_browser
