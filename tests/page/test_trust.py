"""Whom the page lets do what, and what of it stays when the server is gone."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from loadtest.phones.browser import OpenBrowser
from mintmark import Client
from tests.page.conftest import READ_TOKEN, FilmOf, Gateway, OpenPage, file, go, wait
from tests.server.conftest import ROOT, TOKEN, Coin, jpeg

pytestmark = pytest.mark.server


def test_a_token_is_asked_for_and_a_wrong_one_refused(open_page: OpenPage, enrolled: list[str]) -> None:
    page = open_page(token=None)
    dialog = page.locator("dialog")
    dialog.get_by_label("Token").fill("wrong")
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog.get_by_role("alert")).to_have_text("The token is wrong.")
    dialog.get_by_label("Token").fill(TOKEN)
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    go(page, "collection")
    expect(page.locator(".grid li")).not_to_have_count(0)
    go(page, "more")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("dialog")).to_be_visible()


def test_a_link_logs_in_and_keeps_no_token(open_page: OpenPage) -> None:
    page = open_page(token=TOKEN)
    expect(page.locator("html[data-role=change]")).to_be_attached()
    assert TOKEN not in page.url
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert TOKEN not in stored and "mintmark" not in stored, "scripts cannot read the session"


def test_a_link_logs_in_where_the_page_is_open(open_page: OpenPage) -> None:
    page = open_page(token=None)
    expect(page.locator("dialog")).to_be_visible()
    page.evaluate("token => { location.hash = `#token=${token}` }", TOKEN)
    expect(page.locator("html[data-role=change]")).to_be_attached()
    expect(page.locator("dialog")).to_have_count(0)
    assert TOKEN not in page.url


def test_what_was_filled_in_outlasts_the_session(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    page = open_page("add")
    page.locator("input[type=file]").first.set_input_files(file("new.jpg", coins[0].query))
    for name in ("name", "country", "currency", "denomination"):
        page.locator(f"form [name={name}]").fill("typed")
    page.context.clear_cookies()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("html[data-role=change]")).to_be_attached()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Add it all the same").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("typed")
    page.get_by_role("button", name="Edit").click()
    page.locator("dialog [name=name]").fill("typed again")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("typed again")


def test_a_page_goes_on_when_another_one_has_logged_in_anew(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    entry = client.enroll(jpeg(coins[1].catalog), coins[1].fields, on_doubt=lambda doubt: None)
    page = open_page(f"entry/{entry.id}")
    other = page.context.new_page()
    other.goto(f"{page.url.partition('#')[0]}#token={TOKEN}")
    expect(other.locator("html[data-role=change]")).to_be_attached()
    page.get_by_role("button", name="Edit").click()
    page.locator("dialog [name=name]").fill("Renamed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Renamed")


def test_who_has_logged_out_leaves_nothing_to_see(open_page: OpenPage, coins: list[Coin], enrolled: list[str]) -> None:
    page = open_page("collection")
    expect(page.locator(".grid li")).not_to_have_count(0)
    go(page, "camera")
    page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[0].query))
    expect(page.locator(".result h2 a")).to_have_text(coins[0].fields.name)
    go(page, "more")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.go_back()
    page.wait_for_timeout(500)
    page.go_back()
    page.wait_for_timeout(500)
    for shown in (page.locator(".result"), page.locator(".grid li"), page.get_by_text(coins[0].fields.name)):
        expect(shown).to_have_count(0)
    kept = page.evaluate("caches.match('/api/entries?limit=60', {ignoreVary: true}).then(answer => answer?.status)")
    assert kept is None


def test_who_may_only_read_is_offered_nothing_else(open_page: OpenPage, coins: list[Coin], enrolled: list[str]) -> None:
    page = open_page(token=READ_TOKEN)
    expect(page.locator("html[data-role=read]")).to_be_attached()
    expect(page.locator("nav.parts [data-part=add]")).to_be_hidden()
    go(page, f"entry/{enrolled[0]}")
    expect(page.locator(".views img")).to_be_visible()
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    go(page, "camera")
    page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[0].query))
    expect(page.locator(".result h2 a")).to_have_text(coins[0].fields.name)
    expect(page.get_by_role("button", name="Add")).to_have_count(0)


def test_without_https_photos_are_taken_in_place_of_the_camera(
    server: Any, open_page: OpenPage, open_browser: OpenBrowser, film_of: FilmOf, coins: list[Coin], enrolled: list[str]
) -> None:
    named = Gateway(server, ("--name", "coins.example"))
    named.start()
    try:
        shown = film_of(coins[0].query)
        browser = open_browser(shown, "--host-resolver-rules=MAP coins.example 127.0.0.1")
        page = open_page(shown=shown, browser=browser, url=f"http://coins.example:{named.port}")
        expect(page.get_by_text("only to pages that came over HTTPS")).to_be_visible()
        page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[0].query))
        expect(page.locator(".result h2 a")).to_have_text(coins[0].fields.name)
    finally:
        named.stop()


def test_without_a_connection_what_was_seen_is_shown(
    server: Any, open_page: OpenPage, coins: list[Coin], enrolled: list[str], tmp_path: Path
) -> None:
    passing = Gateway(server)
    passing.start()
    page = open_page("collection", url=passing.url)
    expect(page.locator(".grid li")).to_have_count(len(coins))
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()  # through the worker now
    expect(page.locator(".grid li")).to_have_count(len(coins))
    go(page, f"entry/{enrolled[0]}")
    go(page, "collection")
    passing.stop()
    page.reload()
    expect(page.locator(".grid li")).to_have_count(len(coins))
    expect(page.locator(".notice")).to_contain_text("No connection")
    go(page, "camera")
    page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[0].query))
    expect(page.locator(".notice", has_text="The server cannot be reached")).to_be_visible()


def test_a_new_release_of_the_page_is_used_at_once_and_as_a_whole(
    server: Any, open_page: OpenPage, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "web", tmp_path / "web")
    scripts = tmp_path / "web" / "page" / "scripts"
    language, more = scripts / "words" / "en.js", scripts / "more.js"
    releasing = Gateway(server, folder=tmp_path)
    releasing.start()
    page = open_page(url=releasing.url)
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    expect(page.get_by_role("link", name="Camera")).to_be_visible()
    language.write_text(language.read_text().replace('camera: "Camera"', 'camera: "Second"'))
    page.reload()
    expect(page.get_by_role("link", name="Second")).to_be_visible()
    language.write_text(language.read_text().replace('camera: "Second"', 'camera: "Third"'))
    more.rename(tmp_path / "more.js")  # half a release
    page.reload()
    expect(page.get_by_role("link", name="Second")).to_be_visible()
    go(page, "more")
    (tmp_path / "more.js").rename(more)
    page.reload()
    expect(page.get_by_role("link", name="Third")).to_be_visible()
    releasing.stop()
    page.reload()
    expect(page.get_by_role("link", name="Third")).to_be_visible()


def test_what_was_kept_goes_with_the_session(open_page: OpenPage, coins: list[Coin], enrolled: list[str]) -> None:
    page = open_page("collection")
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    expect(page.locator(".grid li")).not_to_have_count(0)
    kept = "caches.match('/api/entries?limit=60', {ignoreVary: true}).then(answer => answer?.status ?? 0)"
    wait(page, f"{kept}.then(status => status === 200)")
    page.context.clear_cookies()
    go(page, "history")
    go(page, f"entry/{enrolled[0]}")
    wait(page, f"{kept}.then(status => status === 0)")


def test_no_script_or_style_stands_in_the_page(open_page: OpenPage) -> None:
    page = open_page()
    answer = page.request.get(page.url.partition("#")[0])
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'self'" in policy
    assert page.locator("script:not([src]), style, [style], [onclick]").count() == 0
    ran = """() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
      return window.ran ?? false;
    }"""
    assert page.evaluate(ran) is False, "the policy holds, whatever gets into the page"
