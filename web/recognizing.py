"""Answers about photos, for the route and for the socket."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from ensemble.contract import MAX_CANDIDATES
from mintmark import DEFAULT_K, Client, FoundCoin, PairRecognition, Recognition
from web.filters import filters_of

MOST_MATCHES = 100  # the server gives up to 1000, of each of 64 coins
OPTIONS = ("k", "verify", "candidates")  # in the query, besides filters


@dataclass(frozen=True)
class Search:
    """How to search: as in `mintmark.Client.recognize`."""

    k: int
    verify: bool
    candidates: int | None
    filters: dict[str, str] = field(default_factory=dict)


class Answer(BaseModel):
    """One of three: about the coin of one photo, about all coins of it, or about one coin by photos of both sides."""

    coin: Recognition | None = None
    coins: tuple[FoundCoin, ...] | None = None
    pair: PairRecognition | None = None


def search_of(
    connection: HTTPConnection,
    k: Annotated[int, Query(ge=1, le=MOST_MATCHES, description="matches, best first")] = DEFAULT_K,
    verify: Annotated[bool, Query(description="compare reliefs")] = True,
    candidates: Annotated[int | None, Query(ge=1, le=MAX_CANDIDATES, description="reliefs to compare")] = None,
) -> Search:
    """The search that a query asks for; what is no option is a filter."""
    return Search(k, verify, candidates, filters_of(connection, *OPTIONS, "all"))


def recognize(client: Client, photo: bytes, search: Search) -> Recognition:
    """The largest coin of a photo."""
    return client.recognize(photo, search.k, search.filters, verify=search.verify, candidates=search.candidates)


def recognize_all(client: Client, photo: bytes, search: Search) -> tuple[FoundCoin, ...]:
    """Every coin of a photo."""
    return client.recognize_all(photo, search.k, search.filters, verify=search.verify, candidates=search.candidates)


def recognize_pair(client: Client, one: bytes, other: bytes, search: Search) -> PairRecognition:
    """The coin of two photos."""
    return client.recognize_pair(
        one, other, search.k, search.filters, verify=search.verify, candidates=search.candidates
    )
