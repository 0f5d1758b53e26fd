"""What an export is, whatever its format, and how it proves to be whole."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mintmark._errors import InvalidRequest
from mintmark._requests import embedding_bytes, entry_object
from mintmark._types import ViewRecord

FORMAT = 1  # of both kinds of exports; a reader refuses others


@dataclass(frozen=True)
class Written:
    """How many views an export holds, and how many have nothing in it to import them from."""

    views: int
    left_out: int


@dataclass(frozen=True)
class Footer:
    """What an export says of itself once it is complete."""

    views: int
    sha256: str

    @classmethod
    def read(cls, source: Path, values: dict[str, Any]) -> "Footer":
        """From what was written. InvalidRequest if that is of another format, or nonsense."""
        if values.get("format") != FORMAT:
            raise InvalidRequest(f"{source} is an export of format {values.get('format')}; this client reads {FORMAT}")
        views, sha256 = values.get("views"), values.get("sha256")
        if not isinstance(views, int) or not isinstance(sha256, str):
            raise InvalidRequest(f"{source} does not say how many views it holds, or their checksum: it was altered")
        return cls(views, sha256)

    def values(self) -> dict[str, Any]:
        """As JSON."""
        return {"format": FORMAT, "views": self.views, "sha256": self.sha256}


class Archive(Protocol):
    """An export that can be read again and again."""

    path: Path
    footer: Footer

    def records(self) -> Iterator[ViewRecord]:
        """Its views, in order. InvalidRequest where something is missing or cannot be read."""


class Checksum:
    """SHA-256 over views in their order: of each its entry, side, picture, embedding and model, with their lengths."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._views = 0

    def add(self, record: ViewRecord) -> None:
        """One more view."""
        # The year has always been summed up, also where it is not said; other fields are not, where they are not said.
        entry = json.dumps({"year": None, **entry_object(record.entry)}, sort_keys=True)
        texts = (text.encode() for text in (entry, record.side, record.model))
        for part in (*texts, record.picture, embedding_bytes(record)):
            self._hash.update(len(part).to_bytes(8, "little"))
            self._hash.update(part)
        self._views += 1

    def footer(self) -> Footer:
        """What says so much of the views."""
        return Footer(self._views, self._hash.hexdigest())


def verify(archive: Archive, advance: Callable[[], None]) -> None:
    """InvalidRequest unless the export holds exactly what was written; `advance` is called after each view."""
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
    """A JSON object that an export holds."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{source} was altered: {text[:80]!r} is not JSON") from error
    if not isinstance(value, dict):
        raise InvalidRequest(f"{source} was altered: {text[:80]!r} is no JSON object")
    return value
