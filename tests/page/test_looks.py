"""What all views have in common: sizes, colours, languages, the keyboard, readers of the screen."""

import json
import re
from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ensemble.places import ROOT
from loadtest.phones.browser import DESKTOP, PHONE
from tests.page.conftest import OpenPage, file, go
from tests.server.conftest import Coin

pytestmark = pytest.mark.server

SMALL = 320, 568
MOST_BYTES = 200_000  # of the page without photos

Show = Callable[[Page], None]


@pytest.fixture
def views(enrolled: list[str], coins: list[Coin]) -> dict[str, Show]:
    """Ways to each view, by name."""

    def answer(page: Page) -> None:
        go(page, "camera")
        page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[0].query))
        expect(page.locator(".result h2 a")).to_be_visible()

    def editing(page: Page) -> None:
        go(page, f"entry/{enrolled[0]}")
        page.locator("section.entry .tools button").first.click()
        page.locator("dialog").wait_for()

    paths = ("camera", "collection", f"entry/{enrolled[0]}", "add", "import", "history", "more")
    return {**{path: partial(go, path=path) for path in paths}, "answer": answer, "editing": editing}


@pytest.mark.parametrize(("size", "dark"), list(product((PHONE, DESKTOP), (False, True))))
def test_axe_finds_nothing(open_page: OpenPage, views: dict[str, Show], size: tuple[int, int], dark: bool) -> None:
    page = open_page(size=size, dark=dark)
    for name, show in views.items():
        show(page)
        page.wait_for_timeout(300)  # pictures and lists that come later
        found = Axe().run(page).response["violations"]
        said = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found]
        assert said == [], name


@pytest.mark.parametrize("size", [SMALL, PHONE, DESKTOP])
def test_nothing_is_wider_than_the_screen(open_page: OpenPage, views: dict[str, Show], size: tuple[int, int]) -> None:
    page = open_page(size=size)
    for name, show in views.items():
        show(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name


def test_it_speaks_german(open_page: OpenPage, enrolled: list[str]) -> None:
    page = open_page("collection", language="de-AT")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sammlung")
    assert page.locator("html").get_attribute("lang") == "de"
    go(page, "more")
    page.get_by_label("Sprache").select_option("English")
    expect(page.get_by_role("heading", level=1)).to_have_text("More")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("More")


def test_every_word_is_said_somewhere() -> None:
    page = ROOT / "web" / "page" / "scripts"
    scripts = "\n".join(path.read_text() for path in page.rglob("*.js") if path.parent.name != "words")
    unused, part = [], ""
    for line in (page / "words" / "en.js").read_text().splitlines():
        if opened := re.match(r"  (\w+): \{", line):
            part = opened[1]
        elif (key := re.match(r"    (\w+):", line)) and part not in ("fields", "sides", "problems"):
            ways = f"words.{part}.{key[1]}", f'"{key[1]}"'  # the other is looked up by a name that a script has
            unused += [f"{part}.{key[1]}"] if not any(way in scripts for way in ways) else []
    assert unused == []


def test_the_keyboard_is_enough(open_page: OpenPage, enrolled: list[str], coins: list[Coin]) -> None:
    page = open_page("collection", size=DESKTOP)
    expect(page.locator(".grid li")).not_to_have_count(0)
    page.reload()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    heading = page.locator("section.entry h1")
    expect(heading).to_be_focused()
    page.locator("section.entry .tools button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_the_page_is_small(open_page: OpenPage) -> None:
    sent: list[int] = []
    page = open_page(token=None)
    page.on("response", lambda response: sent.append(len(response.body())) if response.ok else None)
    for path in ("camera", "collection", "add", "import", "history", "more"):
        page.evaluate("path => { location.hash = `#/${path}` }", path)
    page.reload()
    page.wait_for_load_state("networkidle")
    files = [path for path in (ROOT / "web" / "page").rglob("*") if path.is_file() and path.suffix != ".ts"]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert 0 < sum(sent) <= MOST_BYTES


def test_it_can_be_installed(open_page: OpenPage) -> None:
    page = open_page()
    manifest = json.loads(page.request.get(page.url.partition("#")[0] + "app.webmanifest").text())
    assert manifest["display"] == "standalone"
    for one in manifest["icons"]:
        answer = page.request.get(page.url.partition("/#")[0] + one["src"])
        assert answer.ok and answer.headers["content-type"] == one["type"]
    errors = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in errors if one["errorId"] != "in-incognito"] == []
