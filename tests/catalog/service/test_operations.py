"""The operations that manage a catalog: JSON in, JSON out."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from catalog import Enrolment
from catalog.folder.store import FolderCatalog
from catalog.service.operations.context import Context
from catalog.service.operations.entries import MAX_PAGE
from catalog.service.operations.requests import OPERATIONS, changes, parse, perform
from catalog.service.operations.transfer import MAX_PICTURE
from catalog.service.operations.upkeep import MAX_REEMBEDDED
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import EntryError, EntryNotFoundError, ParameterError
from tests.catalog.samples import (
    JUDGE,
    MODEL,
    OTHER,
    OWN,
    THEIRS,
    UNSAID,
    coin,
    embedding_of,
    fill,
    photo,
    relief_maps,
    unit_vectors,
)

BYTES = 4 * EMBEDDING_SIZE  # of an embedding
READING = ("list", "show", "picture", "known", "check_filters", "similar", "history", "export", "status", "rights")
COIN: dict[str, object] = {
    **{"name": "10 won", "country": "KR", "currency": "KRW", "denomination": "10"},
    **{**UNSAID, "metadata": {}},
}


def embed(pictures: Sequence[bytes]) -> np.ndarray:
    """A model that sees only the length of a picture."""
    if b"no picture" in pictures:
        raise EntryError("the picture of a view cannot be read")
    return np.concatenate([unit_vectors(0), *(unit_vectors(1, len(picture)) for picture in pictures)])


def check(picture: bytes) -> None:
    """Pictures that cannot be read later."""
    if picture == b"unreadable":
        raise EntryError("the picture of a view cannot be read")


def map_relief(pictures: Sequence[bytes]) -> np.ndarray:
    """Likewise."""
    return np.concatenate([relief_maps(0), *(relief_maps(1, len(picture)) for picture in pictures)])


@pytest.fixture
def enrolled(catalog: FolderCatalog) -> list[str]:
    return fill(catalog, unit_vectors(5), reliefs=[*relief_maps(4, seed=77), None])


@pytest.fixture
def ask(catalog: FolderCatalog) -> Callable[..., dict[str, Any]]:
    """One operation, from text to text."""
    context = Context(catalog, OWN, embed, map_relief, JUDGE, check)

    def perform_one(operation: str, **request: object) -> dict[str, Any]:
        parsed = parse(json.dumps({"operation": operation, **request}))
        return dict(json.loads(json.dumps(perform(context, parsed))))

    return perform_one


Ask = Callable[..., dict[str, Any]]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def view(entry_id: str, embedding: np.ndarray | None = None, picture: bytes = b"jpeg", **fields: object) -> Any:
    """A view as a client sends it."""
    given = {"entry": {**COIN, "id": entry_id}, "side": "obverse", "picture": text(picture), **fields}
    return given if embedding is None else {**given, "embedding": text(embedding.astype("<f4").tobytes())}


def test_list_page_by_page(ask: Ask, enrolled: list[str]) -> None:
    listed, after = [], ""
    for _ in range(3):
        page = ask("list", after=after, limit=2)
        listed += [entry["id"] for entry in page["entries"]]
        after = page["next"]
    assert (listed, after) == (enrolled, "")
    everything = ask("list")
    assert everything == {"entries": [{**COIN, "id": entry_id} for entry_id in enrolled], "next": ""}


def test_picture(ask: Ask, enrolled: list[str]) -> None:
    shown = ask("show", id=enrolled[0])["views"][0]
    assert ask("picture", id=enrolled[0]) == ask("picture", id=enrolled[0], view=shown["id"])
    assert ask("picture", id=enrolled[0]) == {"picture": shown["picture"]}
    with pytest.raises(EntryError, match="picture needs 'id'"):
        ask("picture")


def test_a_page_has_a_largest_size(ask: Ask, enrolled: list[str]) -> None:
    assert len(ask("list", limit=MAX_PAGE)["entries"]) == len(enrolled)
    for operation in ("list", "export"):
        with pytest.raises(
            EntryError, match=f"limit is {MAX_PAGE + 1}; it must be a whole number from 1 to {MAX_PAGE}"
        ):
            ask(operation, limit=MAX_PAGE + 1)


@pytest.mark.parametrize("operation", ["list", "export"])
@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 19, " 1", "\u0661", 5, None, True])
def test_a_page_starts_where_another_ended(ask: Ask, operation: str, after: object) -> None:
    with pytest.raises(EntryError, match="after"):
        ask(operation, after=after)


def test_show(ask: Ask, catalog: FolderCatalog, enrolled: list[str]) -> None:
    shown = ask("show", id=enrolled[2])
    assert shown["entry"] == {**COIN, "id": enrolled[2]}
    assert shown["views"] == [
        {"id": "3", "side": "obverse", "stale": False, "verifiable": True, "picture": text(b"picture")}
    ]
    assert [each["verifiable"] for each in ask("show", id=enrolled[4])["views"]] == [False]


def test_views_of_another_model_are_shown_as_stale(ask: Ask, open_at: Callable[..., FolderCatalog]) -> None:
    fill(open_at(THEIRS), unit_vectors(1), makers=THEIRS)
    assert ask("show", id="coin-0")["views"][0]["stale"] is True
    assert ask("export")["views"][0]["embedding"] is None


def test_update(ask: Ask, enrolled: list[str]) -> None:
    changed = {**COIN, "id": enrolled[1], "name": "십 원", "metadata": {"mint": "대전"}}
    given = {"name": "십 원", "metadata": {"mint": "대전"}}
    assert ask("update", id=enrolled[1], changes=given) == {"entry": changed}
    assert ask("show", id=enrolled[1])["entry"] == changed


@pytest.mark.parametrize("given", [None, {}, [], "name", [["name", "x"]]])
def test_an_update_needs_changes(ask: Ask, enrolled: list[str], given: object) -> None:
    with pytest.raises(EntryError, match="update needs 'changes', an object with the fields to change"):
        ask("update", id=enrolled[0], changes=given)


def test_remove(ask: Ask, enrolled: list[str]) -> None:
    assert ask("remove", id=enrolled[0]) == {"removed": enrolled[0]}
    with pytest.raises(EntryNotFoundError):
        ask("show", id=enrolled[0])
    assert len(ask("list")["entries"]) == 4


def test_export_and_import_make_the_same_catalog(
    ask: Ask, enrolled: list[str], open_at: Callable[..., FolderCatalog]
) -> None:
    ask("update", id=enrolled[0], changes={"year": -44, "metadata": {"mint": "Roma", "n": [1, None, {"a": 0.1}]}})
    exported = ask("export", limit=3)
    exported["views"] += ask("export", after=exported["next"])["views"]
    assert (exported["model"], exported["relief_model"]) == (OWN.embedding, OWN.relief)
    assert [each["relief"] is None for each in exported["views"]] == [False] * 4 + [True]
    np.testing.assert_array_equal(relief_of(exported["views"][2]), relief_maps(4, seed=77)[2])
    assert [each["entry"]["id"] for each in exported["views"]] == enrolled
    for entry_id in enrolled:
        ask("remove", id=entry_id)
    exported["views"][4]["relief"] = text(relief_maps(1, len(b"picture")).tobytes())  # what is made of its picture
    views = [{k: v for k, v in each.items() if k != "id"} for each in exported["views"]]
    views[4] = {**views[4], "relief": None}
    again = {"model": MODEL, "relief_model": OWN.relief, "views": views}
    assert ask("import", **again) == {"added": 5}
    assert ask("import", **again) == {"added": 0}  # what is there already is left out
    returned = ask("export")["views"]
    without_ids = [[{k: v for k, v in each.items() if k != "id"} for each in a] for a in (exported["views"], returned)]
    assert without_ids[0] == without_ids[1]


def relief_of(view: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(view["relief"]), np.int8).reshape(relief_maps(1)[0].shape)


def test_pictures_may_be_left_out_of_an_export(ask: Ask, enrolled: list[str]) -> None:
    assert {each["picture"] for each in ask("export", pictures=False)["views"]} == {""}
    assert {each["picture"] for each in ask("export")["views"]} == {text(b"picture")}
    assert enrolled


def test_what_an_import_does_not_bring_is_embedded_here(ask: Ask, catalog: FolderCatalog) -> None:
    own, foreign = unit_vectors(2, seed=1)
    assert ask("import", model=MODEL, views=[view("a", own, b"1"), view("b", None, b"22"), view("c", own, b"")]) == {
        "added": 3
    }
    assert ask("import", model=OTHER, views=[view("d", foreign, b"4444"), view("e", foreign, b"55555")]) == {"added": 2}
    found = {entry.id: embedding_of(v) for entry, v in catalog.export("", 100).views}
    np.testing.assert_array_equal(found["a"], own)
    for entry_id, length in (("b", 2), ("d", 4), ("e", 5)):
        np.testing.assert_array_equal(found[entry_id], unit_vectors(1, length)[0])


def test_the_relief_that_an_import_does_not_bring_is_mapped_here(ask: Ask, catalog: FolderCatalog) -> None:
    """It is one of the same model, or one of the picture, or none."""
    (own,), rows = relief_maps(1, seed=9), unit_vectors(6)
    brought = text(own.tobytes())
    views = [
        view("brought", rows[0], b"1", relief=brought),
        view("made", rows[1], b"22"),
        view("none", rows[2], b""),
        view("empty", rows[3], b"4444", relief=""),
    ]
    assert ask("import", model=MODEL, relief_model=OWN.relief, views=views) == {"added": 4}
    foreign = [view("foreign", rows[4], b"55555", relief=brought), view("blind", rows[5], b"", relief=brought)]
    assert ask("import", model=MODEL, relief_model=THEIRS.relief, views=foreign) == {"added": 2}
    found = {entry.id: v.relief for entry, v in catalog.export("", 100).views}
    np.testing.assert_array_equal(found["brought"], own)  # type: ignore[arg-type]
    for entry_id, length in (("made", 2), ("empty", 4), ("foreign", 5)):
        np.testing.assert_array_equal(found[entry_id], relief_maps(1, length)[0])  # type: ignore[arg-type]
    assert found["none"] is None and found["blind"] is None
    assert ask("status")["without_relief"] == 2


def test_an_export_of_release_0_1_can_be_imported(ask: Ask, catalog: FolderCatalog) -> None:
    """It says nothing of relief maps."""
    assert ask("import", model=MODEL, views=[view("a", unit_vectors(1)[0], b"1")]) == {"added": 1}
    ((_, stored),) = catalog.export("", 9).views
    np.testing.assert_array_equal(stored.relief, relief_maps(1, 1)[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("views", "reason"),
    [
        (None, "import needs 'views', a list of at most 1000 objects"),
        ({}, "import needs 'views'"),
        (["x"], "import needs 'views'"),
        ([{}] * (MAX_PAGE + 1), "import needs 'views'"),
        ([{}], "needs 'entry', an object with its id and its fields"),
        ([{"entry": "a", "side": "o"}], "needs 'entry'"),
        ([{"entry": COIN, "side": "o"}], "needs 'entry'"),
        ([view("a", side="")], "missing fields: side"),
        ([view("a", side=None)], "missing fields: side"),
        ([view("a/b")], "entry is 'a/b'"),
        ([{**view("a"), "entry": {**COIN, "id": "a", "colour": "red"}}], "unknown fields colour"),
        ([{**view("a"), "entry": {**COIN, "id": "a", "name": ""}}], "missing fields: name"),
        ([{**view("a"), "picture": "%"}], "picture is not base64"),
        ([{**view("a"), "picture": 5}], "picture is not base64"),
        ([{**view("a"), "picture": "ä"}], "picture is not base64"),
        ([view("a", picture=b"x" * (MAX_PICTURE + 1))], f"picture has {MAX_PICTURE + 1} bytes; the limit is"),
        (
            [{**view("a"), "embedding": text(b"x" * (BYTES - 1))}],
            f"an embedding has {BYTES - 1} bytes; it must be {EMBEDDING_SIZE} float",
        ),
        (
            [{**view("a"), "embedding": text(b"x" * (BYTES + 1))}],
            f"embedding has {BYTES + 1} bytes; the limit is {BYTES}",
        ),
        ([{**view("a"), "relief": "%"}], "relief is not base64"),
        ([{**view("a"), "relief": text(bytes(2399))}], "a relief map has 2399 bytes; it must be 2400 int8"),
        ([{**view("a"), "relief": text(bytes(2401))}], "relief has 2401 bytes; the limit is 2400"),
        ([view("a", np.zeros(EMBEDDING_SIZE))], r"an embedding has the length 0\.0000; it must be a unit vector"),
        ([view("a", np.full(EMBEDDING_SIZE, np.nan))], "an embedding has the length nan"),
        ([view("a", 1.08 * unit_vectors(1)[0])], r"an embedding has the length 1\.0800"),
        ([view("a", unit_vectors(1)[0]), view("b", picture=b"")], "view 1 has neither a picture nor an embedding of"),
        ([view("a", picture=b"no picture")], "the picture of a view cannot be read"),
        ([view("a", unit_vectors(1)[0], picture=b"unreadable")], "the picture of a view cannot be read"),
    ],
)
def test_one_bad_view_does_not_stop_an_import(ask: Ask, views: object, reason: str) -> None:
    good, more = (view(name, unit_vectors(1, seed=seed)[0]) for name, seed in (("good", 3), ("more", 4)))
    if isinstance(views, list) and len(views) <= 2 and all(isinstance(each, dict) for each in views):
        answer = ask("import", model=MODEL, relief_model=OWN.relief, views=[good, *views, more])
        assert answer["added"] == 1 + len(views)
        [refused] = answer["refused"]
        assert re.search(reason.replace("view 1", "view 2"), refused["error"])
        assert refused["view"] == len(views)
        assert ask("status")["entries"] == 1 + len(views)
    else:
        with pytest.raises(EntryError, match=reason):
            ask("import", model=MODEL, relief_model=OWN.relief, views=views)
        assert ask("status")["entries"] == 0


def test_an_import_takes_the_sides_of_earlier_releases(ask: Ask) -> None:
    assert ask("import", model=MODEL, views=[view("a", unit_vectors(1)[0], side="front")])["added"] == 1
    [exported] = ask("export")["views"]
    assert exported["side"] == "front"
    assert ask("check_filters", filters={"side": "Front"})["filters"][0]["views"] == 1


def test_an_import_of_an_entry_that_is_there_with_other_fields(ask: Ask, enrolled: list[str]) -> None:
    other = view(enrolled[0], unit_vectors(1, seed=8)[0])
    other["entry"]["name"] = "100 won"
    good = [view(name, unit_vectors(1, seed=seed)[0]) for name, seed in (("new", 9), ("newer", 10))]
    answer = ask("import", model=MODEL, views=[good[0], other, good[1]])
    assert answer["added"] == 2
    [refused] = answer["refused"]
    assert f"entry {enrolled[0]} is there with other fields" in refused.pop("error")
    assert refused == {"view": 1, "entry": enrolled[0], "side": "obverse"}
    assert ask("status")["entries"] == 7


def test_a_picture_that_cannot_be_read_does_not_stop_a_reembedding(
    ask: Ask, open_at: Callable[..., FolderCatalog]
) -> None:
    old = open_at(THEIRS)
    for number in range(6):
        picture = b"no picture" if number < 4 else b"own" + bytes(number)
        old.enroll(
            Enrolment("obverse", coin(id=f"c{number}"), f"c{number}"),
            photo(unit_vectors(1, number)[0], picture, THEIRS),
        )
    first = ask("reembed", limit=2)
    assert (first["done"], first["left"]) == (2, 4)
    assert [each["entry"] for each in first["refused"]] == ["c0", "c1", "c2", "c3"]
    assert all("cannot be read" in each["error"] for each in first["refused"])
    assert ask("reembed", limit=2) == {"done": 0, "left": 0, "lost": 4}
    assert ask("switch") == {"switched": 2}


def test_what_cannot_be_imported_does_not_stop_an_export(ask: Ask, catalog: FolderCatalog, enrolled: list[str]) -> None:
    run = catalog._connection.run
    run("UPDATE entries SET metadata = '{\"a\": Infinity}' WHERE id = ?", (enrolled[1],))
    run("UPDATE embeddings SET embedding = ? WHERE view = 3", (np.full(EMBEDDING_SIZE, np.nan, np.float32).tobytes(),))
    run("UPDATE embeddings SET embedding = x'00' WHERE view = 4")
    run("UPDATE reliefs SET map = x'00' WHERE view = 4")
    exported = ask("export")
    assert [each["entry"]["id"] for each in exported["views"]] == [enrolled[n] for n in (0, 2, 3, 4)]
    assert [each["embedding"] is None for each in exported["views"]] == [False, True, True, False]
    assert [each["entry"] for each in exported["refused"]] == [enrolled[1], enrolled[2]]
    assert "no JSON" in exported["refused"][0]["error"] and "length nan" in exported["refused"][1]["error"]


def test_reembed_some_at_a_time_then_switch_and_forget(ask: Ask, open_at: Callable[..., FolderCatalog]) -> None:
    old = open_at(THEIRS)
    fill(old, unit_vectors(5), makers=THEIRS)
    old.enroll(Enrolment("obverse", coin()), photo(unit_vectors(1, 77)[0], b"", THEIRS))
    assert ask("reembed", limit=2) == {"done": 2, "left": 4, "lost": 0}
    assert ask("status")["staged"] == 2 and ask("status")["views"] == 0
    assert ask("reembed") == {"done": 3, "left": 1, "lost": 0}
    assert ask("reembed") == {"done": 0, "left": 0, "lost": 1}  # without a picture there is nothing to embed
    assert ask("switch") == {"switched": 5}
    assert ask("switch") == {"switched": 0}
    status = ask("status")
    assert (status["views"], status["stale_views"], status["staged"]) == (5, 1, 0)
    assert ask("forget") == {"forgotten": 6}
    assert ask("forget") == {"forgotten": 0}


def test_reembed_maps_reliefs_too(ask: Ask, open_at: Callable[..., FolderCatalog]) -> None:
    """Each has its own list of views to do; a request does at most `limit` of each."""
    catalog, old = open_at(), open_at(THEIRS)
    for number in range(4):
        catalog.enroll(Enrolment("obverse", coin()), photo(unit_vectors(1, number)[0], b"own" + bytes(number)))
    fill(old, unit_vectors(1, 9), 100, THEIRS)
    catalog.enroll(Enrolment("obverse", coin()), photo(unit_vectors(1, 77)[0], b""))
    assert ask("status")["without_relief"] == 6
    assert ask("reembed", limit=3) == {"done": 3, "left": 3, "lost": 0}
    assert ask("reembed", limit=3) == {"done": 2, "left": 1, "lost": 0}
    assert ask("reembed", limit=3) == {"done": 0, "left": 0, "lost": 1}
    assert (ask("status")["without_relief"], ask("status")["staged"]) == (1, 1)
    maps = [v.relief for _, v in catalog.export("", 9).views]
    for number in range(4):
        np.testing.assert_array_equal(maps[number], relief_maps(1, 3 + number)[0])  # type: ignore[arg-type]
    np.testing.assert_array_equal(maps[4], relief_maps(1, len(b"picture"))[0])  # type: ignore[arg-type]
    assert maps[5] is None
    assert ask("switch") == {"switched": 1}


def test_calibrate(ask: Ask) -> None:
    before = ask("status")
    assert (before["threshold"], before["calibrated"]) == (0.5, False)
    assert ask("calibrate", threshold=0.7215) == {"threshold": 0.7215}
    after = ask("status")
    assert (after["threshold"], after["calibrated"]) == (0.7215, True)
    assert ask("calibrate", threshold=0) == {"threshold": 0.0}


@pytest.mark.parametrize("threshold", [None, "0.5", True, 1.01, -0.01, [0.5]])
def test_a_threshold_is_a_probability(ask: Ask, threshold: object) -> None:
    with pytest.raises(EntryError, match="it must be a probability, from 0 to 1"):
        ask("calibrate", threshold=threshold)


def test_status(ask: Ask, enrolled: list[str]) -> None:
    assert len(enrolled) == 5
    assert ask("status") == {
        **{"entries": 5, "views": 5, "stale_views": 0, "staged": 0, "sequence": 1, "index": {"kind": "Flat"}},
        **{"model": MODEL, "relief_model": OWN.relief, "without_relief": 1, "judge": asdict(JUDGE)},
        **{"threshold": 0.5, "calibrated": False},
    }


def test_known_says_which_entries_and_photos_are_there(ask: Ask, catalog: FolderCatalog) -> None:
    one, other, nobody = "a" * 64, "b" * 64, "c" * 64
    for entry_id, side, sha256 in (("x", "obverse", one), ("x", "reverse", other), ("y", "obverse", one)):
        catalog.enroll(Enrolment(side, coin(id=entry_id), entry_id, sha256), photo(unit_vectors(1)[0]))
    known = ask("known", ids=["y", "z"], photos=[one, other, nobody])
    assert known["entries"] == [{**COIN, "id": "y"}]
    said = {sha: [(view["entry"]["id"], view["side"]) for view in views] for sha, views in known["photos"].items()}
    assert said == {one: [("y", "obverse"), ("x", "obverse")], other: [("x", "reverse")]}, "y was asked for"
    for number in range(7):
        catalog.enroll(Enrolment("obverse", coin(id=f"z{number}"), f"z{number}", nobody), photo(unit_vectors(1)[0]))
    shared = ask("known", ids=["z6"], photos=[nobody])["photos"][nobody]
    assert [view["entry"]["id"] for view in shared] == ["z6", "z0", "z1", "z2", "z3"], "not all, but who was asked for"
    assert ask("known") == {"entries": [], "photos": {}}
    for wrong in ({"ids": "x"}, {"ids": [""]}, {"photos": ["x"]}, {"photos": [one.upper()]}, {"ids": ["x"] * 101}):
        with pytest.raises(EntryError, match=r"known needs|it must be the SHA-256"):
            ask("known", **wrong)


def test_an_export_and_its_import_keep_what_photos_are_known_by(ask: Ask, catalog: FolderCatalog) -> None:
    catalog.enroll(Enrolment("obverse", coin(id="x"), "x", "a" * 64), photo(unit_vectors(1)[0]))
    page = ask("export")
    assert [view["photo"] for view in page["views"]] == ["a" * 64]
    catalog.remove("x")
    assert ask("import", **{name: page[name] for name in ("model", "relief_model", "views")}) == {"added": 1}
    assert list(catalog.photos(["a" * 64])) == ["a" * 64]


def test_check_filters_names_the_one_that_leaves_nothing(ask: Ask, catalog: FolderCatalog) -> None:
    for number, (country, year) in enumerate((("Österreich", 1998), ("Germany", 2002), ("Greece", 2011))):
        catalog.enroll(Enrolment("obverse", coin(country=country, year=year)), photo(unit_vectors(3)[number]))
    checked = ask("check_filters", filters={"country": "germny", "year": 2003, "side": "OBVERSE", "metadata.x": "y"})
    assert {one["filter"]: (one["views"], one["nearest"]) for one in checked["filters"]} == {
        "country": (0, ["Germany", "Greece", "Österreich"]),
        "year": (0, ["2002", "1998", "2011"]),
        "side": (3, []),
        "metadata.x": (0, []),
    }
    for wrong in ({}, {"filters": {"colour": "red"}}, {"filters": {"year": "old"}}):
        with pytest.raises((EntryError, ParameterError)):
            ask("check_filters", **wrong)


def test_what_changes_the_catalog_needs_the_other_token() -> None:
    assert {name for name in OPERATIONS if not changes({"operation": name})} == set(READING)


@pytest.mark.parametrize("given", ["", "{", "list", "[1"])
def test_no_json(given: str) -> None:
    with pytest.raises(EntryError, match="the catalog request is not JSON"):
        parse(given)


@pytest.mark.parametrize("given", [[], "list", 5, None])
def test_no_object(given: object) -> None:
    with pytest.raises(EntryError, match="the catalog request must be a JSON object"):
        parse(json.dumps(given))


@pytest.mark.parametrize("given", [{}, {"operation": "drop"}, {"operation": None}, {"op": "list"}])
def test_unknown_operations(given: object) -> None:
    with pytest.raises(
        EntryError,
        match="needs an 'operation': one of list, show, picture, known, check_filters, similar, update, remove",
    ):
        parse(json.dumps(given))


@pytest.mark.parametrize("operation", [[], {}, ["list"]])
def test_an_operation_that_is_no_text(operation: object) -> None:
    with pytest.raises(EntryError, match="needs an 'operation'"):
        parse(json.dumps({"operation": operation}))


def test_nesting_without_end() -> None:
    with pytest.raises(EntryError):
        parse("[" * 100_000)


@pytest.mark.parametrize("operation", ["show", "update", "remove"])
@pytest.mark.parametrize("entry_id", [None, "", 5, ["a"], True])
def test_an_id_is_needed(ask: Ask, operation: str, entry_id: object) -> None:
    with pytest.raises(EntryError, match=f"{operation} needs 'id', a text"):
        ask(operation, id=entry_id, changes={"name": "x"})


@pytest.mark.parametrize("operation", ["show", "update", "remove"])
@pytest.mark.parametrize("entry_id", ["nothing", "' OR 1=1 --", "%", "é"])
def test_an_unknown_id(ask: Ask, enrolled: list[str], operation: str, entry_id: str) -> None:
    with pytest.raises(EntryNotFoundError, match="no entry has the id"):
        ask(operation, id=entry_id, changes={"name": "x"})
    assert len(ask("list")["entries"]) == len(enrolled)


@pytest.mark.parametrize(("operation", "most"), [("list", MAX_PAGE), ("export", MAX_PAGE), ("reembed", MAX_REEMBEDDED)])
@pytest.mark.parametrize("value", [-1, 0, 1.0, "1", None, True, [], 2**63])
def test_numbers_out_of_range(ask: Ask, operation: str, most: int, value: object) -> None:
    with pytest.raises(EntryError) as caught:
        ask(operation, limit=value)
    assert f"limit is {value!r}; it must be a whole number from 1 to {most}" in str(caught.value)
