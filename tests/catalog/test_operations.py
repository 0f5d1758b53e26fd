"""The management operations as JSON in, JSON out."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from catalog import Entry, EntryError, EntryNotFoundError, LocalCatalog, View
from catalog.operations import CHANGES, MAX_PAGE, parse, perform


@pytest.fixture
def enrolled(
    catalog: LocalCatalog,
    vectors: Callable[..., np.ndarray],
    entry: Callable[..., Entry],
    view: Callable[..., View],
) -> list[str]:
    return [catalog.enroll(entry(f"coin {i}"), view(row)) for i, row in enumerate(vectors(5))]


def ask(catalog: LocalCatalog, **request: object) -> dict[str, object]:
    """One operation, from text to text."""
    return dict(json.loads(json.dumps(perform(catalog, parse(json.dumps(request))))))


def test_list(catalog: LocalCatalog, enrolled: list[str]) -> None:
    listed = ask(catalog, operation="list")
    assert [entry["id"] for entry in listed["entries"]] == enrolled  # type: ignore[attr-defined]
    assert listed["total"] == 5


def test_list_some(catalog: LocalCatalog, enrolled: list[str]) -> None:
    listed = ask(catalog, operation="list", offset=1, limit=2)
    assert [entry["id"] for entry in listed["entries"]] == enrolled[1:3]  # type: ignore[attr-defined]
    assert listed["total"] == 5
    assert ask(catalog, operation="list", offset=2**63 - 1, limit=MAX_PAGE)["entries"] == []


def test_show(catalog: LocalCatalog, enrolled: list[str]) -> None:
    shown = ask(catalog, operation="show", id=enrolled[2])["entry"]
    assert shown == {
        "name": "coin 2",
        "country": "KR",
        "currency": "KRW",
        "denomination": "10",
        "side": "obverse",
        "year": None,
        "metadata": {},
        "id": enrolled[2],
    }


def test_remove(catalog: LocalCatalog, enrolled: list[str]) -> None:
    assert ask(catalog, operation="remove", id=enrolled[0]) == {"removed": enrolled[0]}
    with pytest.raises(EntryNotFoundError):
        ask(catalog, operation="show", id=enrolled[0])
    assert ask(catalog, operation="list")["total"] == 4


def test_status(catalog: LocalCatalog, enrolled: list[str]) -> None:
    assert len(enrolled) == 5
    assert ask(catalog, operation="status") == {"entries": 5, "views": 5, "stale_views": 0, "sequence": 5}


def test_only_removing_needs_the_token() -> None:
    assert CHANGES == ("remove",)


@pytest.mark.parametrize("text", ["", "{", "list", "[1"])
def test_no_json(text: str) -> None:
    with pytest.raises(EntryError, match="the catalog request is not JSON"):
        parse(text)


@pytest.mark.parametrize("request_", [[], "list", 5, None])
def test_no_object(request_: object) -> None:
    with pytest.raises(EntryError, match="the catalog request must be a JSON object"):
        parse(json.dumps(request_))


@pytest.mark.parametrize("request_", [{}, {"operation": "drop"}, {"operation": None}, {"op": "list"}])
def test_unknown_operations(request_: object) -> None:
    with pytest.raises(EntryError, match="needs an 'operation': one of list, show, remove, status"):
        parse(json.dumps(request_))


@pytest.mark.parametrize("operation", [[], {}, ["list"]])
def test_an_operation_that_is_no_text(operation: object) -> None:
    with pytest.raises(EntryError, match="needs an 'operation'"):
        parse(json.dumps({"operation": operation}))


def test_nesting_without_end() -> None:
    with pytest.raises(EntryError):
        parse("[" * 100_000)


@pytest.mark.parametrize("operation", ["show", "remove"])
@pytest.mark.parametrize("entry_id", [None, "", 5, ["a"], True])
def test_an_id_is_needed(catalog: LocalCatalog, operation: str, entry_id: object) -> None:
    with pytest.raises(EntryError, match=f"{operation} needs the 'id' of an entry"):
        ask(catalog, operation=operation, id=entry_id)


@pytest.mark.parametrize("operation", ["show", "remove"])
@pytest.mark.parametrize("entry_id", ["nothing", "' OR 1=1 --", "%", "é"])
def test_an_unknown_id(catalog: LocalCatalog, enrolled: list[str], operation: str, entry_id: str) -> None:
    with pytest.raises(EntryNotFoundError, match="no entry has the id"):
        ask(catalog, operation=operation, id=entry_id)
    assert ask(catalog, operation="list")["total"] == len(enrolled)


@pytest.mark.parametrize("name", ["offset", "limit"])
@pytest.mark.parametrize("value", [-1, 1.0, "1", None, True, [], 2**63])
def test_numbers_out_of_range(catalog: LocalCatalog, name: str, value: object) -> None:
    with pytest.raises(EntryError) as caught:
        ask(catalog, operation="list", **{name: value})
    assert f"{name} is {value!r}; it must be a whole number from 0 to" in str(caught.value)


def test_a_page_has_a_largest_size(catalog: LocalCatalog, enrolled: list[str]) -> None:
    assert len(ask(catalog, operation="list", limit=MAX_PAGE)["entries"]) == len(enrolled)  # type: ignore[arg-type]
    with pytest.raises(EntryError, match=f"from 0 to {MAX_PAGE}"):
        ask(catalog, operation="list", limit=MAX_PAGE + 1)
