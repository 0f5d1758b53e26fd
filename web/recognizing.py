"""Answers about photos, for the route and for the socket."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from ensemble.contract import MAX_CANDIDATES
from mintmark import DEFAULT_K, Client, FoundCoin, PairRecognition, Recognition, denominations
from web.filters import filters_of

MOST_MATCHES = 100  # the server gives up to 1000, of each of 64 coins
OPTIONS = ("k", "verify", "candidates", "all")  # in the query, besides filters


@dataclass(frozen=True)
class Search:
    """How to search: as in `mintmark.Client.recognize`, or as in `recognize_all` with `all`."""

    k: int
    verify: bool
    candidates: int | None
    all: bool
    filters: dict[str, str] = field(default_factory=dict)


class Answer(BaseModel):
    """One of three: about the coin of one photo, about all coins of it, or about one coin by photos of both sides.

    `sums`: with `coins`, what those that are known are worth, by currency.
    """

    coin: Recognition | None = None
    coins: tuple[FoundCoin, ...] | None = None
    sums: dict[str, str] | None = None
    pair: PairRecognition | None = None


async def search_of(
    connection: HTTPConnection,
    k: Annotated[int, Query(ge=1, le=MOST_MATCHES, description="matches, best first")] = DEFAULT_K,
    verify: Annotated[bool, Query(description="compare reliefs")] = True,
    candidates: Annotated[int | None, Query(ge=1, le=MAX_CANDIDATES, description="reliefs to compare")] = None,
    all: Annotated[bool, Query(description="every coin of the photo")] = False,
) -> Search:
    """The search that a query asks for; what is no option is a filter."""
    return Search(k, verify, candidates, all, filters_of(connection, *OPTIONS))


def recognize(client: Client, photo: bytes, search: Search) -> Answer:
    """The largest coin of a photo, or every one."""
    how: dict[str, Any] = {"verify": search.verify, "candidates": search.candidates}
    if not search.all:
        return Answer(coin=client.recognize(photo, search.k, search.filters, **how))
    coins = client.recognize_all(photo, search.k, search.filters, **how)
    return Answer(coins=coins, sums=denominations(coins))


def recognize_pair(client: Client, one: bytes, other: bytes, search: Search) -> Answer:
    """The coin of two photos."""
    how: dict[str, Any] = {"verify": search.verify, "candidates": search.candidates}
    return Answer(pair=client.recognize_pair(one, other, search.k, search.filters, **how))
