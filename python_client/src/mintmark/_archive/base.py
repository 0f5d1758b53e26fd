"""What exports of both formats share: their interface, and the checksum that shows that they are complete."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mintmark._archive.threshold import Threshold
from mintmark._errors import InvalidRequest
from mintmark._requests import embedding_bytes, entry_object
from mintmark._types import ViewRecord

FORMAT = 1  # version of both formats; a reader refuses others


@dataclass(frozen=True)
class Written:
    """How many views were exported, and how many were left out because an import could not use them."""

    views: int
    left_out: int


@dataclass(frozen=True)
class Footer:
    """The end of a complete export: the number of its views, their checksum, and the catalog's threshold.

    Exports of earlier releases have no threshold.
    """

    views: int
    sha256: str
    threshold: Threshold | None = None

    @classmethod
    def read(cls, source: Path, values: dict[str, Any]) -> "Footer":
        """The footer from its JSON. InvalidRequest if it has another format, or lacks a value."""
        if values.get("format") != FORMAT:
            raise InvalidRequest(f"{source} is an export of format {values.get('format')}; this client reads {FORMAT}")
        views, sha256 = values.get("views"), values.get("sha256")
        if not isinstance(views, int) or not isinstance(sha256, str):
            raise InvalidRequest(f"{source} does not say how many views it holds, or their checksum: it was altered")
        return cls(views, sha256, Threshold.read(source, values.get("threshold")))

    def values(self) -> dict[str, Any]:
        """The footer as a JSON object."""
        threshold = {"threshold": self.threshold.values()} if self.threshold else {}
        return {"format": FORMAT, "views": self.views, "sha256": self.sha256, **threshold}


class Archive(Protocol):
    """An export that can be read again and again."""

    path: Path
    footer: Footer

    def records(self) -> Iterator[ViewRecord]:
        """Its views, in order. InvalidRequest if something is missing or cannot be read."""


class Checksum:
    """SHA-256 over views in their order: entry, side, model, picture and embedding of each, with their lengths.

    Relief maps are not among them, so that clients of release 0.1 read these exports too.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._views = 0

    def add(self, record: ViewRecord) -> None:
        """Add a view."""
        # The checksum holds a missing year as null, as it did in the first exports; other missing fields are left out.
        entry = json.dumps({"year": None, **entry_object(record.entry)}, sort_keys=True)
        texts = (text.encode() for text in (entry, record.side, record.model))
        for part in (*texts, record.picture, embedding_bytes(record)):
            self._hash.update(len(part).to_bytes(8, "little"))
            self._hash.update(part)
        self._views += 1

    def footer(self, threshold: Threshold | None = None) -> Footer:
        """The footer for the views so far."""
        return Footer(self._views, self._hash.hexdigest(), threshold)


def verify(archive: Archive, advance: Callable[[], None]) -> None:
    """InvalidRequest unless the export holds exactly what was written. Calls `advance` after each view."""
    checksum = Checksum()
    for record in archive.records():
        checksum.add(record)
        advance()
    found, said = checksum.footer(), archive.footer
    if found.views != said.views:
        raise InvalidRequest(
            f"{archive.path} holds {found.views} views, but {said.views} were exported: it is truncated, or was altered"
        )
    if found.sha256 != said.sha256:
        raise InvalidRequest(
            f"{archive.path} was altered since it was exported: the SHA-256 of its views is {found.sha256[:12]}…,"
            f" not {said.sha256[:12]}…"
        )


def parsed(source: Path, text: str) -> dict[str, Any]:
    """A JSON object of an export. InvalidRequest if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{source} was altered: {text[:80]!r} is not JSON") from error
    if not isinstance(value, dict):
        raise InvalidRequest(f"{source} was altered: {text[:80]!r} is no JSON object")
    return value
