"""The catalog: entries, their views, and the search among them. Importing this loads no store and no Faiss."""

from catalog.entry import Enrolment, Entry, Makers, StoredView, View
from catalog.interface import Catalog, Match, Page, Status, Verification, ViewPage
from catalog.opening import configured_folder, open_catalog, open_configured

__all__ = [
    "Catalog",
    "Enrolment",
    "Entry",
    "Makers",
    "Match",
    "Page",
    "Status",
    "StoredView",
    "Verification",
    "View",
    "ViewPage",
    "configured_folder",
    "open_catalog",
    "open_configured",
]
