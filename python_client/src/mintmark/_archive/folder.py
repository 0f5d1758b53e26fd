"""Exports as a folder: labels.csv, photos/*.jpg of the stored crops, and export.json, which is written last.

Embeddings are not in it: whoever imports it makes them from the pictures.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mintmark._archive.base import Checksum, Footer, Written, parsed
from mintmark._errors import InvalidRequest
from mintmark._tables import read_rows
from mintmark._types import Entry, ViewRecord

TABLE, PHOTOS, FOOTER = "labels.csv", "photos", "export.json"

_TEXTS = ("name", "country", "currency", "denomination")  # of an entry, columns of the same name
_COLUMNS = ("path", "entry", *_TEXTS, "side", "year", "metadata")


def write_folder(folder: Path, records: Iterable[ViewRecord]) -> Written:
    """Export into a folder that is new or empty; views without a picture are left out."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InvalidRequest(f"{folder} is there already and not an empty folder: export into a new one")
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
            checksum.add(replace(record, embedding=None, model=""))
    footer = checksum.footer()
    (folder / FOOTER).write_text(json.dumps(footer.values(), indent=2) + "\n", encoding="utf-8")
    return Written(footer.views, left_out)


def _row(path: str, record: ViewRecord) -> list[str]:
    entry = record.entry
    year = "" if entry.year is None else str(entry.year)
    metadata = json.dumps(dict(entry.metadata), ensure_ascii=False)
    return [path, entry.id, *(getattr(entry, name) for name in _TEXTS), record.side, year, metadata]


class FolderArchive:
    """A folder that `write_folder` wrote."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        try:
            text = (folder / FOOTER).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                f"{folder} is no complete export: it lacks {FOOTER}, which `mintmark export` writes last"
                " (a table of photos of your own: `mintmark enroll --from`)"
            ) from error
        self.footer = Footer.read(folder, parsed(folder / FOOTER, text))

    def records(self) -> Iterator[ViewRecord]:
        """See Archive."""
        for line, row in read_rows(str(self.path / TABLE), _COLUMNS, strip=False):
            yield ViewRecord(entry=self._entry(line, row), side=row["side"], picture=self._picture(row["path"]))

    def _entry(self, line: int, row: dict[str, str]) -> Entry:
        year = row["year"]
        if year and not year.removeprefix("-").isdecimal():
            raise InvalidRequest(f"{self.path / TABLE}:{line} was altered: the year is {year!r}")
        return Entry(
            id=row["entry"],
            **{name: row[name] for name in _TEXTS},
            year=int(year) if year else None,
            metadata=parsed(self.path / TABLE, row["metadata"]),
        )

    def _picture(self, path: str) -> bytes:
        if Path(path).parent != Path(PHOTOS):
            raise InvalidRequest(f"{self.path / TABLE} was altered: {path!r} is not a file in {PHOTOS}/")
        try:
            return (self.path / path).read_bytes()
        except OSError as error:
            raise InvalidRequest(f"{self.path} is not whole: cannot open {path}: {error.strerror or error}") from error
