"""The catalog: entries, their views, and the search among them."""

from catalog.base import Catalog, CatalogError, Match, Page, Status, ViewPage
from catalog.entry import Enrolment, Entry, EntryError, EntryNotFoundError, StoredView, View
from catalog.local import LocalCatalog
from catalog.opening import open_catalog

__all__ = [
    "Catalog",
    "CatalogError",
    "Enrolment",
    "Entry",
    "EntryError",
    "EntryNotFoundError",
    "LocalCatalog",
    "Match",
    "Page",
    "Status",
    "StoredView",
    "View",
    "ViewPage",
    "open_catalog",
]
