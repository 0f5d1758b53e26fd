"""Enrolments that clients send are read strictly, and an error names the field."""

import json
from collections.abc import Callable

import pytest

from catalog import Enrolment, Entry
from catalog.entry import MAX_METADATA, MAX_NESTING
from ensemble.entry import MAX_TEXT, OPTIONAL, REQUIRED, SIDE, SIDES
from ensemble.errors import EntryError
from tests.catalog.samples import UNSAID

GIVEN = {"name": "10 won", "country": "KR", "currency": "KRW", "denomination": "10", "side": "obverse"}


def refusal(**changes: object) -> str:
    with pytest.raises(EntryError) as caught:
        Enrolment.from_json(json.dumps({**GIVEN, **changes}))
    return str(caught.value)


def entry_of(**changes: object) -> Entry:
    entry = Enrolment.from_json(json.dumps({**GIVEN, **changes})).entry
    assert entry is not None
    return entry


def test_the_least_there_must_be() -> None:
    enrolment = Enrolment.from_json(json.dumps(GIVEN))
    assert enrolment == Enrolment("obverse", Entry("10 won", "KR", "KRW", "10", None, metadata={}, id=""), "")


def test_everything_there_may_be() -> None:
    given = {**GIVEN, "year": 1998, "metadata": {"mint": "Daejeon", "km": [1, 2]}, "entry": "A-z.0:9_"}
    enrolment = Enrolment.from_json(json.dumps(given))
    entry = Entry("10 won", "KR", "KRW", "10", 1998, metadata={"mint": "Daejeon", "km": [1, 2]}, id="A-z.0:9_")
    assert enrolment == Enrolment("obverse", entry, "A-z.0:9_")


def test_one_more_photo_of_an_entry_that_is_there() -> None:
    assert Enrolment.from_json('{"entry": "mine", "side": "reverse"}') == Enrolment("reverse", None, "mine")
    empty: dict[str, object] = {"entry": "mine", "side": "reverse", "year": None, "metadata": {}}
    assert Enrolment.from_fields(empty) == Enrolment("reverse", None, "mine")


@pytest.mark.parametrize("field", [*REQUIRED, "year", "metadata"])
def test_with_some_fields_all_are_needed(field: str) -> None:
    value: object = {"year": 1998, "metadata": {"a": 1}}.get(field, "x")
    missing = ", ".join(name for name in REQUIRED if name != field)
    with pytest.raises(EntryError, match=f"^missing fields: {missing}$"):
        Enrolment.from_fields({"entry": "mine", "side": "reverse", field: value})


def test_a_photo_shows_a_side() -> None:
    for given in ({"entry": "mine"}, {"entry": "mine", "side": ""}, {**GIVEN, "side": None}):
        with pytest.raises(EntryError, match=r"^missing fields: side$"):
            Enrolment.from_fields(given)


@pytest.mark.parametrize("side", SIDES)
def test_the_sides(side: str) -> None:
    assert Enrolment.from_fields({**GIVEN, "side": side}).side == side


def test_another_side_is_refused_but_of_an_export() -> None:
    meant = "side is 'Front': did you mean 'obverse'? a side is obverse, reverse or edge"
    assert refusal(side="Front") == meant
    assert refusal(side="x") == "side is 'x': a side is obverse, reverse or edge"
    assert Enrolment.from_fields({**GIVEN, "side": "Front"}, any_side=True).side == "Front"


@pytest.mark.parametrize("entry_id", ["x" * 65, "a b", "a/b", "ä", 5, True, ["a"], "a\n", "../x", "\u0661"])
def test_ids_that_cannot_be(entry_id: object) -> None:
    assert refusal(entry=entry_id) == f"entry is {entry_id!r}; an id has 1 to 64 characters of A-Z a-z 0-9 . _ : -"


@pytest.mark.parametrize("entry_id", [None, ""])
def test_no_id_lets_the_catalog_choose(entry_id: object) -> None:
    assert Enrolment.from_json(json.dumps({**GIVEN, "entry": entry_id})).id == ""


@pytest.mark.parametrize("name", (*REQUIRED, SIDE))
@pytest.mark.parametrize("value", [None, "", 0, [], {}])
def test_a_field_is_missing_or_empty(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"missing fields: {name}"


def test_all_missing_fields_are_named_at_once() -> None:
    with pytest.raises(EntryError, match="missing fields: name, country, currency, denomination, side"):
        Enrolment.from_json("{}")


@pytest.mark.parametrize("name", (*REQUIRED, SIDE))
@pytest.mark.parametrize("value", [7, 1.5, True, ["a"], {"a": 1}])
def test_a_field_is_no_text(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"{name} must be text, got {value!r}"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_field_is_too_long(name: str) -> None:
    assert getattr(entry_of(**{name: "ü" * MAX_TEXT}), name) == "ü" * MAX_TEXT
    assert refusal(**{name: "ü" * (MAX_TEXT + 1)}) == f"{name} has {MAX_TEXT + 1} characters; the limit is {MAX_TEXT}"


@pytest.mark.parametrize("year", [None, -5000, -44, 0, 2026, 5000])
def test_years(year: int | None) -> None:
    assert entry_of(year=year).year == year


@pytest.mark.parametrize("year", [-5001, 5001, "1998", 1998.0, True, [1998], 10**30])
def test_no_years(year: object) -> None:
    assert refusal(year=year) == f"year is {year!r}; it must be a whole number from -5000 to 5000"


def test_unknown_fields_are_named() -> None:
    assert refusal(colour="red", id="mine") == "unknown fields colour, id; free fields go into 'metadata'"


@pytest.mark.parametrize("metadata", ["text", 5, [1], True])
def test_metadata_is_no_object(metadata: object) -> None:
    assert "metadata must be a JSON object" in refusal(metadata=metadata)


def test_metadata_is_too_large() -> None:
    fitting = {"note": "x" * (MAX_METADATA - len('{"note": ""}'))}
    assert entry_of(metadata=fitting).metadata == fitting
    assert f"metadata has {MAX_METADATA + 1} bytes" in refusal(metadata={"note": fitting["note"] + "x"})


@pytest.mark.parametrize("text", ["", "{", "no", "{'name': 1}", "\0"])
def test_no_json(text: str) -> None:
    with pytest.raises(EntryError, match="metadata is not JSON"):
        Enrolment.from_json(text)


@pytest.mark.parametrize("text", ["[]", "1", '"name"', "null"])
def test_no_object(text: str) -> None:
    with pytest.raises(EntryError, match="metadata must be a JSON object, got"):
        Enrolment.from_json(text)


def test_nesting_without_end() -> None:
    with pytest.raises(EntryError):
        Enrolment.from_json("[" * 100_000)


@pytest.mark.parametrize("level", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_metadata_that_readers_would_give_up_on(level: Callable[[object], object]) -> None:
    metadata: object = 1
    for _ in range(MAX_NESTING - 1):
        metadata = level(metadata)
    assert entry_of(metadata={"deep": metadata}).metadata == {"deep": metadata}
    assert "nested too deep; the limit is 32" in refusal(metadata={"deep": level(metadata)})


@pytest.mark.parametrize("place", ["name", "metadata"])
def test_text_that_is_no_unicode(place: str) -> None:
    lone = "\ud800"  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
    assert "surrogates not allowed" in refusal(**{place: lone if place == "name" else {"note": lone}})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(number: str) -> None:
    text = json.dumps({**GIVEN, "metadata": {"weight": "?"}}).replace('"?"', number)
    with pytest.raises(EntryError):
        Enrolment.from_json(text)


def test_a_client_receives_every_field() -> None:
    entry = Entry("십 원", "KR", "KRW", "10", 1998, metadata={"mint": "대전"}, id="abc")
    text = entry.to_json()
    assert "십 원" in text  # readable, not escaped
    expected = {**UNSAID, **{name: value for name, value in GIVEN.items() if name != SIDE}}
    assert json.loads(text) == {**expected, "name": "십 원", "year": 1998, "metadata": {"mint": "대전"}, "id": "abc"}
    assert Entry.from_json(text) == entry


def test_changed_fields() -> None:
    entry = Entry("10 won", "KR", "KRW", "10", 1998, metadata={"mint": "Daejeon"}, id="abc")
    changes = {"name": "십 원", "year": None, "metadata": {"grade": "XF"}}
    assert entry.changed(changes) == Entry("십 원", "KR", "KRW", "10", None, metadata={"grade": "XF"}, id="abc")
    assert entry.changed({}) == entry


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "x"}, f"cannot change id; the fields of an entry are {', '.join((*REQUIRED, *OPTIONAL))}, metadata"),
        ({"side": "reverse", "colour": 1}, "cannot change colour, side; the fields"),
        ({"name": ""}, "name must not be empty"),
        ({"country": None}, "country must not be empty"),
        ({"currency": 5}, "currency must be text, got 5"),
        ({"denomination": "x" * 501}, "denomination has 501 characters; the limit is 500"),
        ({"year": 1998.5}, "year is 1998.5; it must be a whole number"),
        ({"metadata": [1]}, "metadata must be a JSON object, got list"),
        ({"metadata": {"note": "x" * MAX_METADATA}}, "the limit is 16384"),
    ],
)
def test_changes_that_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(EntryError) as caught:
        Entry("10 won", "KR", "KRW", "10").changed(changes)
    assert reason in str(caught.value)


def test_texts_are_composed() -> None:
    """The same letters are the same text, whether a keyboard or a disk writes them as one character or as two."""
    decomposed = "Mu\u0308nze"
    given = {
        **dict.fromkeys(("name", "country", "currency", "denomination", "side"), decomposed),
        "mint_mark": decomposed,
    }
    metadata = {decomposed: decomposed, "deep": [{decomposed: decomposed}, 1, None]}
    enrolment = Enrolment.from_fields({**given, "metadata": metadata}, any_side=True)
    assert enrolment.entry is not None and enrolment.side == "Münze"
    free: dict[str, object] = {"Münze": "Münze", "deep": [{"Münze": "Münze"}, 1, None]}
    assert enrolment.entry == Entry("Münze", "Münze", "Münze", "Münze", mint_mark="Münze", metadata=free)
    assert enrolment.entry.changed({"name": decomposed}).name == "Münze"


@pytest.mark.parametrize("photo", ["x", "A" * 64, "a" * 63, 7, ["a" * 64]])
def test_a_photo_is_named_by_its_sha256(photo: object) -> None:
    with pytest.raises(EntryError, match="it must be the SHA-256 of the photo's file"):
        Enrolment.from_fields({"side": "obverse", "entry": "x", "photo": photo})
