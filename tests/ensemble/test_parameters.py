"""The request parameters of a search."""

import pytest

from ensemble.contract import DEFAULT_K, MAX_K
from ensemble.parameters import ParameterError, search_k


def test_default() -> None:
    assert search_k({}) == DEFAULT_K


@pytest.mark.parametrize("k", [1, 2, DEFAULT_K, MAX_K])
def test_k_in_range(k: int) -> None:
    assert search_k({"k": k}) == k


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1, 2**40, 2.0, 2.5, "3", "", None, True, False, [5], float("nan")])
def test_k_out_of_range_or_no_number(k: object) -> None:
    with pytest.raises(ParameterError) as caught:
        search_k({"k": k})
    assert f"k is {k!r}; it must be a whole number from 1 to {MAX_K}" in str(caught.value)


def test_unknown_parameters_are_named() -> None:
    with pytest.raises(ParameterError, match="unknown filter or parameter country, year; a search takes: k"):
        search_k({"year": 1990, "k": 3, "country": "KR"})


def test_forwarded_headers_are_no_parameters_of_the_search() -> None:
    assert search_k({"authorization": "Bearer secret", "k": 7}) == 7
    assert search_k({"Authorization": "Bearer secret", "k": 7}) == 7


def test_the_token_is_in_no_message() -> None:
    with pytest.raises(ParameterError) as caught:
        search_k({"authorization": "Bearer secret", "filter": "secret2"})
    assert "secret" not in str(caught.value)
