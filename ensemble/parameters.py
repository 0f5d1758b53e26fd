"""The request parameters of a search, read and checked."""

import json
from collections.abc import Mapping
from typing import TypeAlias

from ensemble.contract import DEFAULT_K, MAX_K, METADATA_FILTER
from ensemble.entry import FIELDS, FILTERS
from ensemble.errors import ParameterError

K = "k"
MAX_DIGITS = 18  # characters of a whole number, which fits a database's integer
FORWARDED_HEADERS = ("authorization",)  # request headers that Triton hands to models as parameters, in any case

Filters: TypeAlias = Mapping[str, str]
"""The values that entries and views must have, as `text_of` writes them, by the names of the request parameters."""


def search_parameters(parameters: Mapping[str, object]) -> tuple[int, Filters]:
    """How many matches a request asks for, and its filters.

    Raises:
        ParameterError: k is not a whole number from 1 to MAX_K, a filter has no usable value, a parameter is unknown.
    """
    given = {name: value for name, value in parameters.items() if name.lower() not in FORWARDED_HEADERS}
    k = given.pop(K, DEFAULT_K)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_K:
        raise ParameterError(f"{K} is {k!r}; it must be a whole number from 1 to {MAX_K}")
    if unknown := sorted(name for name in given if not _is_filter(name)):
        raise ParameterError(
            f"unknown filter or parameter {', '.join(unknown)}; a search takes: {K}, {', '.join(FILTERS)}, "
            f"{METADATA_FILTER}KEY"
        )
    return k, {name: _filter_text(name, value) for name, value in sorted(given.items())}


def text_of(value: object) -> str | None:
    """A scalar of the free metadata as filters compare it; None for lists, objects and null, which are not compared."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _is_filter(name: str) -> bool:
    return name in FILTERS or (name.startswith(METADATA_FILTER) and name != METADATA_FILTER)


def _filter_text(name: str, value: object) -> str:
    text = text_of(value)
    if not text:
        raise ParameterError(f"filter {name} is {value!r}; it must be text or a number")
    whole = name in FIELDS and FIELDS[name].type is int
    if whole and not (text.removeprefix("-").isdecimal() and len(text) <= MAX_DIGITS):
        raise ParameterError(f"filter {name} is {value!r}; it must be a whole number")
    return text
