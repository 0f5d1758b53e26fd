"""The catalog: entries, their embeddings, and the search among them."""

from catalog.base import Catalog, Match, Page, Status
from catalog.entry import Entry, EntryError, EntryNotFoundError, View
from catalog.local import LocalCatalog, open_catalog

__all__ = [
    "Catalog",
    "Entry",
    "EntryError",
    "EntryNotFoundError",
    "LocalCatalog",
    "Match",
    "Page",
    "Status",
    "View",
    "open_catalog",
]
