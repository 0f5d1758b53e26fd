"""What a client sends to be enrolled is read strictly, and an error names the field."""

import json

import pytest

from catalog import Entry, EntryError
from catalog.entry import MAX_METADATA, MAX_TEXT, REQUIRED

GIVEN = {"name": "10 won", "country": "KR", "currency": "KRW", "denomination": "10", "side": "obverse"}


def refusal(**changes: object) -> str:
    with pytest.raises(EntryError) as caught:
        Entry.from_json(json.dumps({**GIVEN, **changes}))
    return str(caught.value)


def test_the_least_there_must_be() -> None:
    entry = Entry.from_json(json.dumps(GIVEN))
    assert entry == Entry("10 won", "KR", "KRW", "10", "obverse", None, {}, "")


def test_everything_there_may_be() -> None:
    entry = Entry.from_json(json.dumps({**GIVEN, "year": 1998, "metadata": {"mint": "Daejeon", "km": [1, 2]}}))
    assert (entry.year, entry.metadata) == (1998, {"mint": "Daejeon", "km": [1, 2]})


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", 0, [], {}])
def test_a_field_is_missing_or_empty(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"missing fields: {name}"


def test_all_missing_fields_are_named_at_once() -> None:
    with pytest.raises(EntryError, match="missing fields: name, country, currency, denomination, side"):
        Entry.from_json("{}")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [7, 1.5, True, ["a"], {"a": 1}])
def test_a_field_is_no_text(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"{name} must be text, got {value!r}"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_field_is_too_long(name: str) -> None:
    assert getattr(Entry.from_json(json.dumps({**GIVEN, name: "ü" * MAX_TEXT})), name) == "ü" * MAX_TEXT
    assert refusal(**{name: "ü" * (MAX_TEXT + 1)}) == f"{name} has {MAX_TEXT + 1} characters; the limit is {MAX_TEXT}"


@pytest.mark.parametrize("year", [None, -5000, -44, 0, 2026, 5000])
def test_years(year: int | None) -> None:
    assert Entry.from_json(json.dumps({**GIVEN, "year": year})).year == year


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
    assert Entry.from_json(json.dumps({**GIVEN, "metadata": fitting})).metadata == fitting
    assert f"metadata has {MAX_METADATA + 1} bytes" in refusal(metadata={"note": fitting["note"] + "x"})


@pytest.mark.parametrize("text", ["", "{", "no", "{'name': 1}", "\0"])
def test_no_json(text: str) -> None:
    with pytest.raises(EntryError, match="metadata is not JSON"):
        Entry.from_json(text)


@pytest.mark.parametrize("text", ["[]", "1", '"name"', "null"])
def test_no_object(text: str) -> None:
    with pytest.raises(EntryError, match="metadata must be a JSON object, got"):
        Entry.from_json(text)


def test_nesting_without_end() -> None:
    with pytest.raises(EntryError):
        Entry.from_json("[" * 100_000)


@pytest.mark.parametrize("place", ["name", "metadata"])
def test_text_that_is_no_unicode(place: str) -> None:
    lone = "\ud800"  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
    assert "surrogates not allowed" in refusal(**{place: lone if place == "name" else {"note": lone}})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(number: str) -> None:
    text = json.dumps({**GIVEN, "metadata": {"weight": "?"}}).replace('"?"', number)
    with pytest.raises(EntryError):
        Entry.from_json(text)


def test_a_client_receives_every_field() -> None:
    entry = Entry("십 원", "KR", "KRW", "10", "obverse", 1998, {"mint": "대전"}, "abc")
    text = entry.to_json()
    assert "십 원" in text  # readable, not escaped
    assert json.loads(text) == {**GIVEN, "name": "십 원", "year": 1998, "metadata": {"mint": "대전"}, "id": "abc"}
