"""The collection in a real browser: found, narrowed, changed, undone, imported, printed."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from mintmark import Client, EntryFields
from tests.page.conftest import OpenPage, file, go, wait
from tests.server.conftest import Coin, jpeg

pytestmark = pytest.mark.server

MANY = 70  # more than a page of the list has


@pytest.fixture(scope="module")
def many(client: Client, coins: list[Coin], enrolled: list[str]) -> Any:
    """Entries with one photo, more than fit on a screen."""
    photo, doubts = jpeg(coins[0].catalog), list[str]()
    ids = []
    for number in range(MANY):
        fields = EntryFields(
            name=f"Token {number:03}",
            country="Utopia",
            currency="mark",
            denomination=str(number),
            side="obverse",
            year=1900 + number,
        )
        ids.append(client.enroll(photo, fields, on_doubt=doubts.append).id)
    yield ids
    for entry in ids:
        client.remove(entry)


def names(page: Page) -> list[str]:
    """The names that the grid shows."""
    return page.locator(".grid strong").all_text_contents()


def test_it_is_searched_narrowed_and_sorted(open_page: OpenPage, many: list[str], coins: list[Coin]) -> None:
    page = open_page("collection", size=(1280, 800))
    expect(page.locator("p.faint[role=status]")).to_have_text(f"{MANY + len(coins)} entries")
    page.get_by_label("Search by name").fill("token 01")
    expect(page.locator(".grid li")).to_have_count(11)  # 001 has these letters, too
    page.get_by_text("Filters and order").click()
    page.locator("[name=denomination]").fill("12")
    expect(page.locator(".grid li")).to_have_count(1)
    assert names(page) == ["Token 012"]
    page.locator("[name=denomination]").fill("")
    page.get_by_label("Sort by").select_option("Year")
    page.get_by_label("Descending").check()
    expect(page.locator(".grid strong").first).to_have_text("Token 019")
    assert names(page) == [*(f"Token 01{last}" for last in range(9, -1, -1)), "Token 001"]
    page.reload()  # the address says what is asked for
    expect(page.locator(".grid strong").first).to_have_text("Token 019")
    page.get_by_label("Search by name").fill("no such coin")
    expect(page.get_by_text("Nothing fits the search.")).to_be_visible()


def test_pages_follow_as_it_is_scrolled(open_page: OpenPage, many: list[str], coins: list[Coin]) -> None:
    page = open_page("collection")
    expect(page.locator(".grid li")).not_to_have_count(0)
    assert page.locator(".grid li").count() < MANY
    for _ in range(20):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)
        if page.locator(".grid li").count() == MANY + len(coins):
            break
    assert sorted(set(names(page))) == sorted(names(page)), "no entry twice"
    expect(page.get_by_text("That is all.")).to_be_visible()
    page.locator(".grid li").last.scroll_into_view_if_needed()
    wait(page, "[...document.querySelectorAll('.grid img')].slice(-4).every(one => one.naturalWidth > 0)")


def test_who_comes_back_is_where_they_were(open_page: OpenPage, many: list[str], coins: list[Coin]) -> None:
    page = open_page("collection")
    expect(page.locator(".grid li")).not_to_have_count(0)
    while page.locator(".grid li").count() < MANY + len(coins):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)
    last = page.locator(".tile").last
    last.scroll_into_view_if_needed()
    name = last.locator("strong").text_content()
    last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(name))
    page.go_back()
    expect(page.locator(".grid li")).to_have_count(MANY + len(coins))
    expect(page.locator(".tile").last).to_be_in_viewport()
    page.get_by_role("link", name="Camera").click()
    page.get_by_role("link", name="Collection").click()
    expect(page.locator(".tile").first).to_be_in_viewport()


def test_a_long_word_stays_in_the_page(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    entry = client.enroll(jpeg(coins[1].catalog), coins[1].fields, on_doubt=lambda doubt: None)
    client.update(entry.id, name="W" * 180, metadata={"k" * 60: "y" * 3000})
    page = open_page(f"entry/{entry.id}")
    for path in (f"entry/{entry.id}", "collection?text=WWWW"):
        go(page, path)
        expect(page.get_by_text("WWWW").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_an_entry_is_changed_and_the_change_undone(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    entry = client.enroll(jpeg(coins[1].catalog), coins[1].fields, on_doubt=lambda doubt: None)
    page = open_page(f"entry/{entry.id}")
    page.get_by_role("button", name="Edit").click()
    page.locator("dialog [name=name]").fill("Renamed")
    page.locator("dialog [name=metadata]").fill('{"diameter": 24.5}')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Renamed")
    expect(page.locator("dl.more")).to_contain_text("24.5")
    assert client.show(entry.id).metadata == {"diameter": 24.5}
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(coins[1].fields.name)
    expect(page.locator("ol.events li").first).to_contain_text("an undoing")
    assert client.show(entry.id).metadata == {}


def test_a_question_goes_with_its_view(open_page: OpenPage, enrolled: list[str]) -> None:
    page = open_page("collection")
    go(page, f"entry/{enrolled[0]}")
    page.get_by_role("button", name="Edit").click()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Collection")
    expect(page.locator("dialog")).to_have_count(0)


def test_wrong_metadata_is_refused_and_the_form_stays(open_page: OpenPage, enrolled: list[str]) -> None:
    page = open_page(f"entry/{enrolled[0]}")
    page.get_by_role("button", name="Edit").click()
    page.locator("dialog [name=metadata]").fill("not json")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("dialog").get_by_role("alert")).to_contain_text("as a JSON object")
    expect(page.locator("dialog")).to_be_visible()


def test_photos_are_added_turned_to_another_side_and_removed(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    entry = client.enroll(jpeg(coins[1].catalog), coins[1].fields, on_doubt=lambda doubt: None)
    page = open_page(f"entry/{entry.id}")
    page.locator("label", has_text="Add a photo").locator("input").set_input_files(file("more.jpg", coins[1].query))
    expect(page.locator(".views figure")).to_have_count(2)
    page.locator(".views select").last.select_option("edge")
    expect(page.locator(".notice", has_text="Saved")).to_be_visible()
    assert [view.side for view in client.views(entry.id)][-1] == "edge"
    page.get_by_role("button", name="Remove this photo").last.click()
    expect(page.locator(".views figure")).to_have_count(1)
    assert len(client.views(entry.id)) == 1


def test_a_removed_entry_comes_back(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    entry = client.enroll(jpeg(coins[2].catalog), coins[2].fields, on_doubt=lambda doubt: None)
    page = open_page(f"entry/{entry.id}")
    page.get_by_role("button", name="Remove", exact=True).click()
    page.locator("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Collection")
    assert entry.id not in [one.id for one in client.entries()]
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(coins[2].fields.name)
    assert client.show(entry.id).name == coins[2].fields.name


def test_what_happened_can_be_undone_from_the_history(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    entry = client.enroll(jpeg(coins[2].catalog), coins[2].fields, on_doubt=lambda doubt: None)
    client.update(entry.id, name="Second name")
    page = open_page("history", size=(1280, 800))
    first = page.locator("ol.events li").first
    expect(first).to_contain_text("fields changed: Name")
    expect(first).to_contain_text("owner")
    first.get_by_role("button", name="Undo").click()
    expect(page.locator("ol.events li").first).to_contain_text("an undoing")
    assert client.show(entry.id).name == coins[2].fields.name


def test_a_table_is_imported_once_with_a_report(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None, tmp_path: Path
) -> None:
    table = "path,name,country,currency,denomination,side\n" + "".join(
        f"photos/{name}.jpg,{title},Nowhere,crown,1,obverse\n"
        for name, title in (("one", "First"), ("two", "Second"), ("three", "Third"), ("table", "No coin"))
    )
    chosen: FilePayload = {"name": "coins.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page = open_page("import", size=(1280, 800))
    page.get_by_label("Table", exact=True).set_input_files(chosen)
    expect(page.locator(".rows tbody tr")).to_have_count(4)
    expect(page.locator(".rows .bad")).to_have_count(4)  # no photo was chosen yet
    empty = coins[0].catalog[:40, :40]
    photos = [
        file(f"{name}.jpg", picture)
        for name, picture in (("one", coins[1].query), ("two", coins[2].query), ("table", empty))
    ]
    page.get_by_label("Photos", exact=True).set_input_files(photos)
    expect(page.locator(".rows .bad")).to_have_text(["its photo was not chosen: photos/three.jpg"])
    page.get_by_role("button", name="Add 3 rows").click()
    expect(page.get_by_text("2 added, 0 there already, 1 not taken")).to_be_visible()
    assert {"First", "Second"} <= {entry.name for entry in client.entries()}
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the report").click()
    report = Path(saved.value.path()).read_text().splitlines()
    assert report[0] == "row,photo,result,why" and len(report) == 4
    go(page, "collection")
    go(page, "import")
    page.get_by_label("Table", exact=True).set_input_files(chosen)
    page.get_by_label("Photos", exact=True).set_input_files(photos[:2])
    page.get_by_role("button", name="Add 2 rows").click()
    expect(page.get_by_text("0 added, 2 there already, 0 not taken")).to_be_visible()


def test_photos_of_one_name_in_two_folders_are_not_mixed_up(
    open_page: OpenPage, coins: list[Coin], tmp_path: Path
) -> None:
    for folder, coin in zip(("a", "b"), coins, strict=False):
        (tmp_path / "box" / folder).mkdir(parents=True)
        (tmp_path / "box" / folder / "1.jpg").write_bytes(jpeg(coin.query))
    rows = "".join(f"{path},Coin,Nowhere,crown,1,obverse\n" for path in ("a/1.jpg", "b/1.jpg", "1.jpg"))
    table = ("path,name,country,currency,denomination,side\n" + rows).encode()
    page = open_page("import", size=(1280, 800))
    page.get_by_label("Table", exact=True).set_input_files({"name": "t.csv", "mimeType": "text/csv", "buffer": table})
    for _ in range(2):  # chosen again, they are the same
        page.get_by_label("A folder of photos").set_input_files(tmp_path / "box")
        expect(page.locator(".rows .bad")).to_have_text(["several photos have its name: name its folder, too: 1.jpg"])
        expect(page.get_by_role("button", name="Add 2 rows")).to_be_visible()


def test_a_sheet_is_printed(open_page: OpenPage, many: list[str]) -> None:
    page = open_page("collection")
    expect(page.locator(".grid li")).not_to_have_count(0)
    page.evaluate("window.print = () => { window.printed = document.querySelectorAll('.grid li').length }")
    page.get_by_role("button", name="Print a sheet").click()
    wait(page, "window.printed >= 70")
    page.emulate_media(media="print")
    expect(page.locator("nav.parts")).to_be_hidden()
    expect(page.locator(".grid li").last).to_be_visible()
    assert page.pdf().startswith(b"%PDF")


def test_what_a_script_left_in_a_name_is_only_a_name(
    open_page: OpenPage, client: Client, coins: list[Coin], enrolled: list[str], cleared: None
) -> None:
    name = "<img src=x onerror=\"alert('name')\"><script>alert('script')</script>"
    fields = EntryFields(
        name=name,
        country="<b>Nowhere</b>",
        currency="\"'><svg onload=alert(1)>",
        denomination="javascript:alert(1)",
        side="obverse",
    )
    entry = client.enroll(jpeg(coins[1].query), fields, on_doubt=lambda doubt: None)
    client.update(entry.id, metadata={"<i>key": "<a href='javascript:alert(2)'>"})
    page = open_page("collection")
    page.get_by_label("Search by name").fill("onerror")
    expect(page.locator(".grid strong")).to_have_text([name])
    for path in (f"entry/{entry.id}", "history", "camera"):
        go(page, path)
    go(page, f"entry/{entry.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.locator("label", has_text="Add a photo").wait_for()
    go(page, "camera")
    page.locator(".chooser input[type=file]").set_input_files(file("same.jpg", coins[1].query))
    expect(page.locator(".result h2 a")).to_have_text(name)
    assert page.locator("main script, main svg[onload], main img[onerror]").count() == 0
