"""Filters in the query of a request: the fields that a search can be narrowed by, and `metadata.KEY`."""

from typing import Any

from starlette.requests import HTTPConnection

from ensemble.contract import METADATA_FILTER
from ensemble.entry import FIELDS
from web.problems import Problem


def filters_of(connection: HTTPConnection, *options: str) -> dict[str, str]:
    """Everything in the query but the options. Whether there is such a filter, the client of the server says.

    Raises:
        Problem: 400, something stands there twice.
    """
    given = connection.query_params.multi_items()
    names = [name for name, _ in given]
    if len(set(names)) < len(names):
        raise Problem(400, "invalid-request", "The query says something twice.")
    return {name: value for name, value in given if name not in options}


def described() -> list[dict[str, Any]]:
    """The filters for OpenAPI."""
    docs = {one.name: one.doc for one in FIELDS.values() if one.filter}
    docs[f"{METADATA_FILTER}KEY"] = "the value of a key of the free metadata"
    text = {"type": "string"}
    return [{"name": name, "in": "query", "description": doc, "schema": text} for name, doc in docs.items()]
