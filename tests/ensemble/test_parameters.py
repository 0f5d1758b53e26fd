"""The request parameters of a search."""

import json

import pytest

from ensemble.contract import DEFAULT_CANDIDATES, DEFAULT_K, MAX_CANDIDATES, MAX_K
from ensemble.entry import FIELDS, FILTERS
from ensemble.errors import ParameterError
from ensemble.parameters import CandidateLimits, Search, search_parameters, text_of


def refusal(**parameters: object) -> str:
    with pytest.raises(ParameterError) as caught:
        search_parameters(parameters)
    return str(caught.value)


def test_default() -> None:
    assert search_parameters({}) == Search(DEFAULT_K, {}, True, DEFAULT_CANDIDATES)


@pytest.mark.parametrize("k", [1, 2, DEFAULT_K, MAX_K])
def test_k_in_range(k: int) -> None:
    assert search_parameters({"k": k}).k == k


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1, 2**40, 2.0, 2.5, "3", "", None, True, False, [5], float("nan")])
def test_k_out_of_range_or_no_number(k: object) -> None:
    assert f"k is {k!r}; it must be a whole number from 1 to {MAX_K}" in refusal(k=k)


@pytest.mark.parametrize("verify", [True, False])
def test_verification_can_be_left_out(verify: bool) -> None:
    assert search_parameters({"verify": verify}).verify is verify


@pytest.mark.parametrize("verify", [1, 0, "true", None])
def test_verify_is_true_or_false(verify: object) -> None:
    assert refusal(verify=verify) == f"verify is {verify!r}; it must be true or false"


def test_candidates_are_limited_by_the_server() -> None:
    limits = CandidateLimits(default=200, most=500)
    assert search_parameters({}, limits).candidates == 200
    assert search_parameters({"candidates": 500}, limits).candidates == 500
    with pytest.raises(ParameterError, match="candidates is 501; it must be a whole number from 1 to 500"):
        search_parameters({"candidates": 501}, limits)


def test_the_servers_limits_come_from_its_settings() -> None:
    assert CandidateLimits.of({}) == CandidateLimits(DEFAULT_CANDIDATES, MAX_CANDIDATES)
    assert CandidateLimits.of({"MINTMARK_CANDIDATES": "50"}) == CandidateLimits(50, MAX_CANDIDATES)
    assert CandidateLimits.of({"MINTMARK_MOST_CANDIDATES": "300"}) == CandidateLimits(300, 300)


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"MINTMARK_CANDIDATES": "many"}, "MINTMARK_CANDIDATES is 'many'; it must be a whole number from 1 to 10000"),
        ({"MINTMARK_MOST_CANDIDATES": "0"}, "MINTMARK_MOST_CANDIDATES is '0'; it must be"),
        ({"MINTMARK_MOST_CANDIDATES": "10001"}, "MINTMARK_MOST_CANDIDATES is '10001'; it must be"),
        (
            {"MINTMARK_CANDIDATES": "400", "MINTMARK_MOST_CANDIDATES": "300"},
            "MINTMARK_CANDIDATES is 400, above MINTMARK_MOST_CANDIDATES, 300",
        ),
    ],
)
def test_settings_that_make_no_limits(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CandidateLimits.of(settings)


def test_filters() -> None:
    wholes = {name for name in FILTERS if FIELDS[name].type is int}
    given: dict[str, object] = {
        **{name: 1998 if name in wholes else f"some {name}" for name in FILTERS},
        "k": 3,
        **{"metadata.mint": "대전", "metadata.a.b": "x", "metadata.proof": True, "metadata.g": 4.5, "metadata.n": 0},
    }
    search = search_parameters(given)
    assert search.k == 3
    assert search.filters == {
        **{name: "1998" if name in wholes else f"some {name}" for name in FILTERS},
        **{"metadata.mint": "대전", "metadata.a.b": "x", "metadata.proof": "true", "metadata.g": "4.5"},
        "metadata.n": "0",
    }


def test_numbers_may_be_filters_of_text() -> None:
    """A client's parameter 10 is a number to Triton, whatever the client meant."""
    assert search_parameters({"denomination": 10}).filters == {"denomination": "10"}


@pytest.mark.parametrize("name", [*FILTERS, "metadata.mint"])
@pytest.mark.parametrize("value", ["", None, ["KR"], {"a": 1}])
def test_a_filter_has_a_value(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"filter {name} is {value!r}; it must be text or a number"


@pytest.mark.parametrize("year", ["1998", "-44", 0, -5000])
def test_years(year: object) -> None:
    assert search_parameters({"year": year}).filters == {"year": str(year)}


@pytest.mark.parametrize("year", ["x", "1998.0", 1998.5, True, "--5", "-", " 1998", "9" * 19, 10**30])
def test_no_years(year: object) -> None:
    assert refusal(year=year) == f"filter year is {year!r}; it must be a whole number"


def test_unknown_parameters_are_named() -> None:
    message = refusal(**{"mint": "x", "k": 3, "Country": "KR", "metadata": "x", "metadata.": "y"})
    assert message.startswith("unknown filter or parameter Country, metadata, metadata., mint; a search takes: k")
    assert all(name in message for name in (*FILTERS, "metadata.KEY"))


def test_forwarded_headers_are_no_parameters_of_the_search() -> None:
    assert search_parameters({"authorization": "Bearer secret", "k": 7}) == Search(7, {})
    assert search_parameters({"Authorization": "Bearer secret", "k": 7}) == Search(7, {})


def test_the_token_is_in_no_message() -> None:
    assert "secret" not in refusal(authorization="Bearer secret", filter="secret2")


@pytest.mark.parametrize("value", ["x", "", 5, -1.5, 1e20, 1e-9, 0.1 + 0.2, 10**30, True, False])
def test_scalars_are_compared_as_json_writes_them(value: object) -> None:
    assert text_of(value) == (value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize("value", [None, [1], {}, [], {"a": 1}])
def test_what_cannot_be_compared(value: object) -> None:
    assert text_of(value) is None
