"""The request parameters of a search, read and checked."""

import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ensemble import variables
from ensemble.contract import DEFAULT_CANDIDATES, DEFAULT_K, MAX_CANDIDATES, MAX_K, METADATA_FILTER
from ensemble.entry import FIELDS, FILTERS
from ensemble.errors import ParameterError

K, VERIFY, CANDIDATES = "k", "verify", "candidates"
MAX_DIGITS = 18  # characters of a whole number, which fits a database's integer
FORWARDED_HEADERS = ("authorization",)  # request headers that Triton hands to models as parameters, in any case

Filters: TypeAlias = Mapping[str, str]
"""The values that entries and views must have, as `text_of` writes them, by the names of the request parameters."""


@dataclass(frozen=True)
class CandidateLimits:
    """How many views a search compares by their relief: unless the request says otherwise, and at most."""

    default: int = DEFAULT_CANDIDATES
    most: int = MAX_CANDIDATES

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "CandidateLimits":
        """What the server's settings say.

        Raises:
            ValueError: a setting is not a whole number from 1 to MAX_CANDIDATES, or the default is above the limit.
        """
        most = _setting(environment, variables.MOST_CANDIDATES, MAX_CANDIDATES)
        default = _setting(environment, variables.CANDIDATES, min(DEFAULT_CANDIDATES, most))
        if default > most:
            raise ValueError(f"{variables.CANDIDATES} is {default}, above {variables.MOST_CANDIDATES}, {most}")
        return cls(default, most)


def _setting(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "") or str(default)
    if not (text.isdecimal() and len(text) <= MAX_DIGITS and 1 <= int(text) <= MAX_CANDIDATES):
        raise ValueError(f"{name} is {text!r}; it must be a whole number from 1 to {MAX_CANDIDATES}")
    return int(text)


@dataclass(frozen=True)
class Search:
    """What a request asks for.

    Attributes:
        k: how many entries.
        filters: that they must pass.
        verify: whether candidates are compared by their relief.
        candidates: how many are.
    """

    k: int = DEFAULT_K
    filters: Filters = field(default_factory=dict)
    verify: bool = True
    candidates: int = DEFAULT_CANDIDATES


def search_parameters(parameters: Mapping[str, object], limits: CandidateLimits = CandidateLimits()) -> Search:
    """What a request's parameters ask for.

    Raises:
        ParameterError: k or candidates is not a whole number within its limits, verify is not true or false, a filter
            has no usable value, a parameter is unknown.
    """
    given = {name: value for name, value in parameters.items() if name.lower() not in FORWARDED_HEADERS}
    k = _whole(K, given.pop(K, DEFAULT_K), MAX_K)
    candidates = _whole(CANDIDATES, given.pop(CANDIDATES, limits.default), limits.most)
    verify = given.pop(VERIFY, True)
    if not isinstance(verify, bool):
        raise ParameterError(f"{VERIFY} is {verify!r}; it must be true or false")
    return Search(k, search_filters(given), verify, candidates)


def search_filters(given: Mapping[str, object]) -> dict[str, str]:
    """The filters of a request, with their values as texts. Raises ParameterError for one that is wrong."""
    if unknown := sorted(name for name in given if not _is_filter(name)):
        raise ParameterError(
            f"unknown filter or parameter {', '.join(unknown)}; a search takes: {K}, {CANDIDATES}, {VERIFY}, "
            f"{', '.join(FILTERS)}, {METADATA_FILTER}KEY"
        )
    return {unicodedata.normalize("NFC", name): _filter_text(name, value) for name, value in sorted(given.items())}


def _whole(name: str, value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ParameterError(f"{name} is {value!r}; it must be a whole number from 1 to {most}")
    return value


def text_of(value: object) -> str | None:
    """A scalar of the free metadata as filters compare it; None for lists, objects and null, which are not compared."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def folded(text: str) -> str:
    """A text as filters compare it: 'österreich' is 'Österreich', in whichever form of Unicode it is written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


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
