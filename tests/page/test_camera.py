"""The camera in a real browser: what a film shows is outlined, named, added, and found again."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from mintmark import Client
from tests.page.conftest import FilmOf, Gateway, OpenPage, file, go, wait
from tests.server.conftest import TOKEN, Coin, jpeg

pytestmark = pytest.mark.server

OUTLINED = """(canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean))(
  document.querySelector(".stage canvas"))"""
FOUND, COMPARED = "button.found", ".comparer .own > canvas"


@pytest.fixture(scope="session")
def one(film_of: FilmOf, coins: list[Coin]) -> Path:
    """A film of a coin that the catalog has."""
    return film_of(close_up(coins[0])[0])


@pytest.fixture(scope="session")
def new(film_of: FilmOf, stranger: Coin) -> Path:
    """A film of a coin that it lacks."""
    return film_of(close_up(stranger)[0])


@pytest.fixture(scope="session")
def tray(film_of: FilmOf, coins: list[Coin]) -> Path:
    """A film of three coins."""
    parts = [cv2.resize(close_up(coin)[0], (640, 640)) for coin in coins]
    return film_of(np.hstack(parts))


def close_up(coin: Coin) -> tuple[np.ndarray, tuple[float, ...]]:
    """The coin's photo from so close that it fills most of it, square, and its outline there."""
    cx, cy, a, b, angle = coin.ellipse
    reach = round(1.9 * a)  # the upright page shows the middle of the film
    padded = cv2.copyMakeBorder(coin.query, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    left, top = round(cx), round(cy)
    cut = padded[top : top + 2 * reach, left : left + 2 * reach]
    return cut, (cx - left + reach, cy - top + reach, a, b, angle)


def fill_in(page: Page, fields: Mapping[str, str]) -> None:
    """Fill in a form."""
    for name, value in fields.items():
        page.locator(f"form [name={name}]").fill(value)


def test_a_coin_is_outlined_and_named_while_it_moves(
    open_page: OpenPage, one: Path, coins: list[Coin], enrolled: list[str]
) -> None:
    page = open_page(shown=one)
    expect(page.locator(FOUND)).to_contain_text(coins[0].fields.name)
    expect(page.locator(f"{FOUND} .sure")).to_have_text(re.compile(r"[0-9]+%"))
    wait(page, "performance.getEntriesByName('frame').length > 20")
    drawn = page.evaluate(
        """() => {
          const [canvas, video] = [document.querySelector(".stage canvas"), document.querySelector("video")];
          const {data, width, height} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const xs = [], ys = [];
          for (let at = 0; at < width * height; at += 1) {
            const [r, g, b, a] = data.slice(4 * at, 4 * at + 4);
            if (a > 250 && g > r + 50 && g > b + 50) xs.push(at % width), ys.push(Math.floor(at / width));
          }
          const box = (all) => [Math.min(...all), Math.max(...all)];
          return {x: box(xs), y: box(ys), count: xs.length, width, height};
        }"""
    )
    # The film shows the picture as high as the video is; the page shows the video's whole height, and its middle.
    picture, ellipse = close_up(coins[0])
    scale = drawn["height"] / len(picture)
    cy, a, b = (scale * value for value in ellipse[1:4])
    line, drift = 6, 10 * scale
    assert drawn["count"] > 200, "the outline is green"
    assert (drawn["y"][0] + drawn["y"][1]) / 2 == pytest.approx(cy, abs=drift + 0.05 * a)
    assert 2 * 0.95 * b - line < drawn["y"][1] - drawn["y"][0] < 2 * 1.05 * a + line


def test_the_answer_lays_the_coin_beside_the_catalogs_picture(
    open_page: OpenPage, one: Path, coins: list[Coin], enrolled: list[str]
) -> None:
    page = open_page(shown=one)
    page.locator(FOUND).click()
    expect(page.locator(".result h2 a")).to_have_text(coins[0].fields.name)
    expect(page.locator(COMPARED)).to_be_visible()
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.locator(".comparer .stage").evaluate("stage => stage.style.getPropertyValue('--cut')") == "60%"
    page.get_by_text("What agrees").click()
    lines = page.locator(".lines canvas")
    expect(lines).to_be_visible()
    shares = lines.evaluate(
        """canvas => {
          const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let [green, pink] = [0, 0];
          for (let at = 0; at < data.length; at += 4) {
            green += (data[at + 1] > data[at] ? data[at + 3] : 0) / 255;
            pink += (data[at + 1] < data[at] ? data[at + 3] : 0) / 255;
          }
          return [green, pink];
        }"""
    )
    assert shares[0] > shares[1] > 0, "it is the same coin: more edges agree than not"
    page.get_by_text("Side by side").click()
    expect(page.locator(".comparer .theirs")).to_be_visible()


def test_a_new_coin_is_added_and_found_again(
    open_page: OpenPage, new: Path, stranger: Coin, enrolled: list[str], cleared: None
) -> None:
    page = open_page(shown=new)
    expect(page.get_by_text("Not in the catalog").first).to_be_visible()
    page.get_by_role("button", name="Add it").click()
    expect(page.locator(".photos img")).to_have_count(1)
    said = {"name": "A find", "country": "Nowhere", "currency": "crown", "denomination": "5", "year": "1905"}
    fill_in(page, said)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A find")
    expect(page.locator("section.entry .facts")).to_have_text("Nowhere · 5 crown · 1905")
    go(page, "camera")
    expect(page.locator(FOUND)).to_contain_text("A find")


def test_a_coin_that_is_there_already_is_added_only_if_meant(
    open_page: OpenPage, coins: list[Coin], client: Client, enrolled: list[str], cleared: None
) -> None:
    page = open_page("add")
    page.locator("input[type=file]").first.set_input_files(file("twin.jpg", coins[1].query))
    fill_in(page, {"name": "Twin", "country": "X", "currency": "x", "denomination": "1"})
    before = len(list(client.entries()))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert").get_by_role("link")).to_have_text(coins[1].fields.name)
    assert len(list(client.entries())) == before
    page.get_by_role("button", name="Add it all the same").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Twin")


def test_both_sides_give_one_answer(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    doubts: list[str] = []
    entry = client.enroll(jpeg(coins[0].catalog), coins[0].fields, on_doubt=doubts.append)
    client.add_view(jpeg(coins[2].catalog), entry.id, "reverse", on_doubt=doubts.append)
    client.update(entry.id, name="Two sides")
    page = open_page()
    page.get_by_text("Both sides").click()
    chosen = page.locator(".chooser input[type=file]")
    chosen.set_input_files(file("front.jpg", coins[0].query))
    expect(page.locator(".card")).to_contain_text("turn the coin over")
    chosen.set_input_files(file("back.jpg", coins[2].query))
    expect(page.locator(".result h2 a")).to_have_text("Two sides")
    expect(page.locator(".sides section")).to_have_count(2)
    expect(page.locator(".sides .comparer")).to_have_count(2)


def test_both_sides_by_the_shutter(open_page: OpenPage, one: Path, enrolled: list[str]) -> None:
    page = open_page(shown=one)
    page.get_by_text("Both sides").click()
    expect(page.locator(".card")).to_contain_text("first side")
    wait(page, "document.querySelector('video').videoWidth > 0")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.locator(".card")).to_contain_text("turn the coin over")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Answer")
    expect(page.locator(".result")).to_be_visible()


def test_all_coins_have_outlines_a_sum_and_an_answer_each(
    open_page: OpenPage, tray: Path, coins: list[Coin], enrolled: list[str]
) -> None:
    page = open_page(shown=tray, size=(1280, 800))
    page.get_by_text("All coins").click()
    card = page.locator(".answer-card .card")
    expect(card).to_contain_text("3 of 3 known")
    for currency in {coin.fields.currency for coin in coins}:
        expect(card.locator(".sum")).to_contain_text(currency)
    stage = page.locator("section.camera .stage")
    box = stage.bounding_box()
    assert box is not None
    stage.click(position={"x": box["width"] / 2, "y": box["height"] / 2})  # the second of three
    expect(page.locator(".result h2 a")).to_have_text(coins[1].fields.name)


def test_all_coins_of_a_photo(open_page: OpenPage, coins: list[Coin], enrolled: list[str]) -> None:
    page = open_page()
    page.get_by_text("All coins").click()
    photo = np.hstack([cv2.resize(close_up(coin)[0], (700, 700)) for coin in coins])
    page.locator(".chooser input[type=file]").set_input_files(file("all.jpg", photo))
    expect(page.locator("ol.coins button")).to_have_count(3)
    expect(page.locator(".outlined ellipse")).to_have_count(3)
    page.locator("ol.coins button", has_text=coins[2].fields.name).click()
    expect(page.locator(".chosen .result h2 a")).to_have_text(coins[2].fields.name)


def test_of_all_coins_of_a_photo_the_chosen_one_is_added(
    open_page: OpenPage, coins: list[Coin], enrolled: list[str]
) -> None:
    """Not the largest one."""
    page = open_page()
    page.get_by_text("All coins").click()
    large, small = (cv2.resize(close_up(coin)[0], (side, side)) for coin, side in zip(coins, (700, 350), strict=False))
    photo = np.hstack([large, cv2.copyMakeBorder(small, 0, 350, 0, 0, cv2.BORDER_REPLICATE)])
    page.locator(".chooser input[type=file]").set_input_files(file("two.jpg", photo))
    page.locator("ol.coins button", has_text=coins[1].fields.name).click()
    page.get_by_role("button", name="Add it to the catalog").click()
    fill_in(page, {"name": "Twin", "country": "X", "currency": "x", "denomination": "1"})
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert").get_by_role("link")).to_have_text(coins[1].fields.name)


@pytest.mark.parametrize("size", [(390, 844), (1280, 800)])
def test_without_a_camera_photos_can_be_chosen(
    open_page: OpenPage, coins: list[Coin], enrolled: list[str], size: tuple[int, int]
) -> None:
    page = open_page(size=size)
    expect(page.get_by_text("There is no camera here")).to_be_visible()
    page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[1].query))
    expect(page.locator(".result h2 a")).to_have_text(coins[1].fields.name)


def test_a_refused_camera_is_explained(open_page: OpenPage, one: Path) -> None:
    page = open_page(shown=one)
    page.context.clear_permissions()
    page.reload()
    expect(page.get_by_text("The camera was not allowed")).to_be_visible()
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Ask for the camera again").click()
    expect(page.locator("section.camera.on")).to_be_visible()


def test_a_late_answer_moves_nobody(open_page: OpenPage, coins: list[Coin], enrolled: list[str]) -> None:
    page, late = open_page(), list[Route]()
    page.route("**/api/recognize", lambda asked: late.append(asked))
    page.locator(".chooser input[type=file]").set_input_files(file("coin.jpg", coins[0].query))
    page.wait_for_timeout(500)
    go(page, "collection")
    for one in late:
        one.continue_()
    page.wait_for_timeout(2000)
    assert late and page.evaluate("document.body.dataset.view") == "collection"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_that_says_which_way_is_up_lies_as_its_outline(
    open_page: OpenPage, coins: list[Coin], enrolled: list[str], form: str
) -> None:
    """What the page cuts out of the photo is the coin."""
    upright = Image.fromarray(
        cv2.copyMakeBorder(coins[0].query, 0, 300, 0, 500, cv2.BORDER_CONSTANT, value=(255, 0, 0))
    )
    exif, data = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # to be turned by a quarter
    upright.transpose(Image.Transpose.ROTATE_90).save(data, form, exif=exif.tobytes())
    page = open_page()
    chosen: FilePayload = {"name": "coin", "mimeType": f"image/{form.lower()}", "buffer": data.getvalue()}
    page.locator(".chooser input[type=file]").set_input_files(chosen)
    expect(page.locator(".result h2 a")).to_have_text(coins[0].fields.name)
    red = """canvas => {
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, at) => at % 4 === 0 && value > 200 && data[at + 1] < 60 && data[at + 2] < 60).length;
    }"""
    assert page.locator(COMPARED).evaluate(red) == 0, "nothing of what lies beside the coin"


def test_a_camera_that_is_taken_away_is_said(open_page: OpenPage, one: Path, enrolled: list[str]) -> None:
    page = open_page(shown=one)
    expect(page.locator(FOUND)).to_be_visible()
    page.locator("video").evaluate("video => video.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.get_by_text("There is no camera here")).to_be_visible()
    page.get_by_role("button", name="Ask for the camera again").click()
    expect(page.locator(FOUND)).to_be_visible()


def test_a_photo_without_a_coin_says_what_to_do(open_page: OpenPage) -> None:
    page = open_page()
    page.locator(".chooser input[type=file]").set_input_files(file("table.jpg", np.full((600, 800, 3), 150, np.uint8)))
    expect(page.locator(".result")).to_contain_text("No coin was found")


def test_nothing_in_view_leads_to_a_hint(open_page: OpenPage, film_of: FilmOf) -> None:
    page = open_page(shown=film_of(np.full((720, 1280, 3), 150, np.uint8)))
    expect(page.locator(".hint")).to_have_text("Point the camera at a coin")
    expect(page.locator(".hint")).to_have_text("Show the whole coin, from above and close")


def test_darkness_leads_to_a_hint(open_page: OpenPage, film_of: FilmOf) -> None:
    page = open_page(shown=film_of(np.full((720, 1280, 3), 12, np.uint8)))
    expect(page.locator(".hint")).to_have_text("More light would help")


def test_the_live_view_goes_on_when_the_gateway_is_back(
    open_page: OpenPage, server: Any, one: Path, coins: list[Coin], enrolled: list[str]
) -> None:
    passing = Gateway(server)
    passing.start()
    page = open_page(shown=one, url=passing.url)
    expect(page.locator(FOUND)).to_contain_text(coins[0].fields.name)
    passing.stop()
    expect(page.locator(".offline")).to_be_visible()
    wait(page, f"!({OUTLINED})")  # nobody says where the coin is now
    passing.start()
    try:
        page.get_by_label("Token").fill(TOKEN)  # sessions end with the gateway
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".offline")).to_be_hidden()
        seen = page.evaluate("performance.getEntriesByName('frame').length")
        wait(page, f"performance.getEntriesByName('frame').length > {seen}")
    finally:
        passing.stop()


def test_on_a_slow_network_a_large_photo_is_made_smaller(
    open_page: OpenPage, coins: list[Coin], enrolled: list[str]
) -> None:
    page = open_page()
    network = page.context.new_cdp_session(page)
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 300, "downloadThroughput": 200_000, "uploadThroughput": 100_000},
    )
    large = cv2.resize(coins[0].query, (4096, 4096), interpolation=cv2.INTER_CUBIC)
    chosen = file("large.jpg", large)
    with page.expect_request("**/api/recognize") as sent:
        page.locator(".chooser input[type=file]").set_input_files(chosen)
    expect(page.locator(".result h2 a")).to_have_text(coins[0].fields.name)
    body = sent.value.post_data_buffer
    assert body is None or len(body) < len(chosen["buffer"]) / 2
