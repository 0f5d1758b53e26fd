"""Exports as a folder: labels.csv, the stored pictures in photos/*.jpg, and export.json, which is written last.

A folder holds no embeddings and no relief maps: the importing server makes them from the pictures.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mintmark._archive.base import Checksum, Footer, Written, parsed
from mintmark._archive.threshold import Threshold
from mintmark._contract import OPTIONAL, REQUIRED, SIDE
from mintmark._errors import InvalidRequest
from mintmark._requests import read_file
from mintmark._tables import PHOTO_COLUMN, optional_value, read_rows
from mintmark._types import Entry, ViewRecord

TABLE, PHOTOS, FOOTER = "labels.csv", "photos", "export.json"

_ALWAYS = ("path", "entry", *REQUIRED, SIDE, "metadata")  # columns of every export; earlier releases wrote only these
_COLUMNS = (*_ALWAYS[:-1], *OPTIONAL, PHOTO_COLUMN, _ALWAYS[-1])


def check_folder(folder: Path) -> None:
    """Refuse a folder that is no new or empty one. InvalidRequest."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InvalidRequest(f"{folder} is there already and is not an empty folder: export into a new one")


def write_folder(folder: Path, records: Iterable[ViewRecord], threshold: Threshold | None = None) -> Written:
    """Export into a new or empty folder, without the views that have no picture."""
    check_folder(folder)
    (folder / PHOTOS).mkdir(parents=True)
    checksum, left_out = Checksum(), 0
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for number, record in enumerate(records, 1):
            if not record.picture:
                left_out += 1
                continue
            path = f"{PHOTOS}/{number:06d}.jpg"
            (folder / path).write_bytes(record.picture)
            table.writerow(_row(path, record))
            checksum.add(replace(record, embedding=None, model="", relief=None, relief_model=""))
    footer = checksum.footer(threshold)
    (folder / FOOTER).write_text(json.dumps(footer.values(), indent=2) + "\n", encoding="utf-8")
    return Written(footer.views, left_out)


def _row(path: str, record: ViewRecord) -> list[str]:
    entry = record.entry
    optional = (getattr(entry, name) for name in OPTIONAL)
    cells = ("" if value is None else str(value) for value in optional)
    metadata = json.dumps(dict(entry.metadata), ensure_ascii=False)
    said = (getattr(entry, name) for name in REQUIRED)
    return [path, entry.id, *said, record.side, *cells, record.photo, metadata]


class FolderArchive:
    """A folder that `write_folder` wrote."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        try:
            text = read_file(folder / FOOTER).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                f"{folder} is no complete export: it lacks {FOOTER}, which `mintmark export` writes last"
                " (a table of photos of your own: `mintmark enroll --from`)"
            ) from error
        self.footer = Footer.read(folder, parsed(folder / FOOTER, text))

    def records(self) -> Iterator[ViewRecord]:
        """See Archive."""
        for line, row in read_rows(str(self.path / TABLE), _ALWAYS, strip=False):
            picture = self._picture(row["path"])
            yield ViewRecord(self._entry(line, row), row[SIDE], picture, photo=row.get(PHOTO_COLUMN, ""))

    def _entry(self, line: int, row: dict[str, str]) -> Entry:
        try:
            said: dict[str, Any] = {name: optional_value(name, row.get(name, "")) for name in OPTIONAL}
        except InvalidRequest as error:
            raise InvalidRequest(f"{self.path / TABLE}:{line} was altered: {error}") from error
        said |= {name: row[name] for name in REQUIRED}
        return Entry(
            id=row["entry"],
            **said,
            metadata=parsed(self.path / TABLE, row["metadata"]),
        )

    def _picture(self, path: str) -> bytes:
        if Path(path).parent != Path(PHOTOS):
            raise InvalidRequest(f"{self.path / TABLE} was altered: {path!r} is not a file in {PHOTOS}/")
        try:
            return read_file(self.path / path)
        except OSError as error:
            raise InvalidRequest(f"{self.path} is not whole: cannot open {path}: {error.strerror or error}") from error
