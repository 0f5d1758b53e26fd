"""The request parameters of a search."""

import json

import pytest

from ensemble.contract import DEFAULT_K, MAX_K
from ensemble.entry import FIELDS, FILTERS
from ensemble.errors import ParameterError
from ensemble.parameters import search_parameters, text_of


def refusal(**parameters: object) -> str:
    with pytest.raises(ParameterError) as caught:
        search_parameters(parameters)
    return str(caught.value)


def test_default() -> None:
    assert search_parameters({}) == (DEFAULT_K, {})


@pytest.mark.parametrize("k", [1, 2, DEFAULT_K, MAX_K])
def test_k_in_range(k: int) -> None:
    assert search_parameters({"k": k}) == (k, {})


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1, 2**40, 2.0, 2.5, "3", "", None, True, False, [5], float("nan")])
def test_k_out_of_range_or_no_number(k: object) -> None:
    assert f"k is {k!r}; it must be a whole number from 1 to {MAX_K}" in refusal(k=k)


def test_filters() -> None:
    wholes = {name for name in FILTERS if FIELDS[name].type is int}
    given: dict[str, object] = {
        **{name: 1998 if name in wholes else f"some {name}" for name in FILTERS},
        "k": 3,
        **{"metadata.mint": "대전", "metadata.a.b": "x", "metadata.proof": True, "metadata.g": 4.5, "metadata.n": 0},
    }
    k, filters = search_parameters(given)
    assert k == 3
    assert filters == {
        **{name: "1998" if name in wholes else f"some {name}" for name in FILTERS},
        **{"metadata.mint": "대전", "metadata.a.b": "x", "metadata.proof": "true", "metadata.g": "4.5"},
        "metadata.n": "0",
    }


def test_numbers_may_be_filters_of_text() -> None:
    """A client's parameter 10 is a number to Triton, whatever the client meant."""
    assert search_parameters({"denomination": 10})[1] == {"denomination": "10"}


@pytest.mark.parametrize("name", [*FILTERS, "metadata.mint"])
@pytest.mark.parametrize("value", ["", None, ["KR"], {"a": 1}])
def test_a_filter_has_a_value(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"filter {name} is {value!r}; it must be text or a number"


@pytest.mark.parametrize("year", ["1998", "-44", 0, -5000])
def test_years(year: object) -> None:
    assert search_parameters({"year": year})[1] == {"year": str(year)}


@pytest.mark.parametrize("year", ["x", "1998.0", 1998.5, True, "--5", "-", " 1998", "9" * 19, 10**30])
def test_no_years(year: object) -> None:
    assert refusal(year=year) == f"filter year is {year!r}; it must be a whole number"


def test_unknown_parameters_are_named() -> None:
    message = refusal(**{"mint": "x", "k": 3, "Country": "KR", "metadata": "x", "metadata.": "y"})
    assert message.startswith("unknown filter or parameter Country, metadata, metadata., mint; a search takes: k")
    assert all(name in message for name in (*FILTERS, "metadata.KEY"))


def test_forwarded_headers_are_no_parameters_of_the_search() -> None:
    assert search_parameters({"authorization": "Bearer secret", "k": 7}) == (7, {})
    assert search_parameters({"Authorization": "Bearer secret", "k": 7}) == (7, {})


def test_the_token_is_in_no_message() -> None:
    assert "secret" not in refusal(authorization="Bearer secret", filter="secret2")


@pytest.mark.parametrize("value", ["x", "", 5, -1.5, 1e20, 1e-9, 0.1 + 0.2, 10**30, True, False])
def test_scalars_are_compared_as_json_writes_them(value: object) -> None:
    assert text_of(value) == (value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize("value", [None, [1], {}, [], {"a": 1}])
def test_what_cannot_be_compared(value: object) -> None:
    assert text_of(value) is None
