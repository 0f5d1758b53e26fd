"""Exports as one Parquet file: a row for each view, with its entry, picture, embedding, relief map and their models.

Only this module needs pyarrow, and imports it only when a file is read or written.
"""

import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark._archive.base import Checksum, Footer, Written, parsed
from mintmark._archive.threshold import Threshold
from mintmark._contract import EMBEDDING_SIZE, OPTIONAL, RELIEF_HARMONICS, RELIEF_NUMBERS, REQUIRED, SIDE, WHOLE_NUMBERS
from mintmark._errors import InvalidRequest, MintmarkError
from mintmark._requests import relief_bytes
from mintmark._tables import PHOTO_COLUMN
from mintmark._types import Entry, ViewRecord

SUFFIX = ".parquet"
KEY = b"mintmark"  # the footer, as JSON, has this key in the file's metadata

_ROWS = 1000  # views in one row group: about 10 MB with pictures
_BATCH = 100  # views that are read at a time
_TEXTS = ("entry", *REQUIRED, SIDE)
_LATER = (*OPTIONAL, "relief", "relief_model", PHOTO_COLUMN)  # columns that exports of release 0.1 may lack
_MOST_ROWS, _MOST_BYTES = 10_000, 128_000_000  # of one row group, unpacked
_SHORT = (*_TEXTS, *(name for name in OPTIONAL if name not in WHOLE_NUMBERS), "model", "relief_model", PHOTO_COLUMN)
_LONGEST = {  # bytes of a value, numbers of an embedding
    **dict.fromkeys(_SHORT, 4_000),
    "metadata": 200_000,
    "picture": 1 << 20,
    "relief": RELIEF_HARMONICS * RELIEF_NUMBERS,
    "embedding": EMBEDDING_SIZE,
}
_REPEATING = (*_SHORT, "metadata", "picture", "relief")
_ALWAYS = (*_TEXTS, "metadata", "picture", "model")  # columns that are never null


def _pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet. MintmarkError if they are not installed."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MintmarkError(f"Parquet files need pyarrow: pip install pyarrow ({error})") from error


def _schema(arrow: Any) -> Any:
    texts = [(name, arrow.string()) for name in _TEXTS]
    optional = [(name, arrow.int32() if name in WHOLE_NUMBERS else arrow.string()) for name in OPTIONAL]
    return arrow.schema(
        [
            *texts,
            *optional,
            ("metadata", arrow.string()),  # JSON
            ("picture", arrow.binary()),  # JPEG
            ("embedding", arrow.list_(arrow.float32())),  # pyarrow cannot read nulls among lists of fixed size
            ("model", arrow.string()),
            ("relief", arrow.binary()),  # int8, harmonics by numbers
            ("relief_model", arrow.string()),
            (PHOTO_COLUMN, arrow.string()),  # SHA-256
        ]
    )


def check_parquet(target: Path) -> None:
    """Refuse a file that is there already, or any if pyarrow is not installed. MintmarkError."""
    _pyarrow()
    if target.exists():
        raise InvalidRequest(f"{target} is there already: export into a new file")


def write_parquet(target: Path, records: Iterable[ViewRecord], threshold: Threshold | None = None) -> Written:
    """Export into a new file, without the views that have neither picture nor embedding.

    The file gets its name when it is complete.
    """
    check_parquet(target)
    arrow, parquet = _pyarrow()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    kept = _Kept(records)
    schema = _schema(arrow)
    texts = [*_TEXTS, "metadata", "model"]  # columns whose values repeat, unlike pictures and embeddings
    try:
        with parquet.ParquetWriter(
            part, schema, use_dictionary=texts, compression="zstd", write_page_checksum=True
        ) as writer:
            views = iter(kept)
            while rows := [_row(record) for record in islice(views, _ROWS)]:
                writer.write_table(arrow.Table.from_pylist(rows, schema))
            footer = kept.checksum.footer(threshold)
            writer.add_key_value_metadata({KEY: json.dumps(footer.values())})
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Written(footer.views, kept.left_out)


class _Kept:
    """The views that an import can use, added to the checksum while they pass."""

    def __init__(self, records: Iterable[ViewRecord]) -> None:
        self._records = records
        self.checksum = Checksum()
        self.left_out = 0

    def __iter__(self) -> Iterator[ViewRecord]:
        for record in self._records:
            if record.picture or record.embedding is not None:
                self.checksum.add(record)
                yield record
            else:
                self.left_out += 1


def _row(record: ViewRecord) -> dict[str, Any]:
    entry = record.entry
    return {
        "entry": entry.id,
        **{name: getattr(entry, name) for name in (*REQUIRED, *OPTIONAL)},
        SIDE: record.side,
        "metadata": json.dumps(dict(entry.metadata), ensure_ascii=False),
        "picture": record.picture,
        "embedding": record.embedding,
        "model": record.model,
        "relief": None if record.relief is None else relief_bytes(record),
        "relief_model": record.relief_model,
        PHOTO_COLUMN: record.photo,
    }


class ParquetArchive:
    """A file that `write_parquet` wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrow, self._parquet = _pyarrow()
        if not path.is_file():
            raise InvalidRequest(f"cannot open {path}: there is no such file")
        with self._read() as file:
            text = (file.metadata.metadata or {}).get(KEY, b"").decode(errors="replace")
            if not text:
                raise InvalidRequest(f"{path} is no export of a Mintmark catalog, or not a complete one")
            self.footer = Footer.read(path, parsed(path, text))
            self._check(file)
            self._repeating = [name for name in _REPEATING if name in file.schema_arrow.names]

    def records(self) -> Iterator[ViewRecord]:
        """See Archive."""
        with self._read(self._repeating) as file:
            batches = file.iter_batches(_BATCH)
            while rows := self._next(batches):
                yield from (self._record(row) for row in rows)

    def _check(self, file: Any) -> None:
        """Refuse columns of other types, and a file that would take much more memory than an export does."""
        found = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))
        for column in _schema(self._arrow):
            kind = found.get(column.name)
            kind = kind.value_type if kind is not None and self._arrow.types.is_dictionary(kind) else kind
            if kind is None and column.name not in _LATER:
                raise InvalidRequest(f"{self.path} was altered: it lacks the column {column.name}")
            if kind is not None and kind != column.type:
                raise InvalidRequest(f"{self.path} was altered: {column.name} is {kind}, not {column.type}")
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            if group.num_rows > _MOST_ROWS or group.total_byte_size > _MOST_BYTES:
                raise InvalidRequest(
                    f"{self.path} was altered: {group.num_rows} of its views have {group.total_byte_size} bytes in one"
                    f" group; an export has at most {_MOST_ROWS} and {_MOST_BYTES}"
                )
        self._check_embeddings(file)

    def _check_embeddings(self, file: Any) -> None:
        """Refuse lists of more numbers than an embedding has: equal ones take no room in a file."""
        column = next(n for n in range(len(file.schema)) if file.schema.column(n).path.startswith("embedding."))
        try:
            # pyarrow ends the process where it is asked about a column whose description is damaged. This is an error.
            file.scan_contents(columns=["embedding"], batch_size=_BATCH)
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            raise InvalidRequest(f"{self.path} was altered: {_line(error)}") from error
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            if group.column(column).num_values > EMBEDDING_SIZE * group.num_rows:
                raise InvalidRequest(f"{self.path} was altered: embedding has more than {EMBEDDING_SIZE} numbers")

    def _check_lengths(self, batch: Any) -> None:
        """ValueError if a value is longer than an export's. Values that repeat are still stored once."""
        compute = importlib.import_module("pyarrow.compute")
        for name, most in _LONGEST.items():
            if name in batch.schema.names:
                column = batch.column(name)
                values = column.dictionary if self._arrow.types.is_dictionary(column.type) else column
                lengths = compute.list_value_length if name == "embedding" else compute.binary_length
                if (longest := compute.max(lengths(values)).as_py() or 0) > most:
                    raise ValueError(f"{name} has {longest} bytes or numbers, more than {most}")

    def _read(self, repeating: Sequence[str] = ()) -> Any:
        """Open the file. Of the columns in `repeating`, each different value is read once."""
        try:
            return self._parquet.ParquetFile(
                self.path, page_checksum_verification=True, read_dictionary=list(repeating)
            )
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            raise InvalidRequest(f"{self.path} is truncated, or no Parquet file: {_line(error)}") from error

    def _next(self, batches: Iterator[Any]) -> list[dict[str, Any]]:
        """The rows of the next batch; none after the last."""
        try:
            batch = next(batches, None)
            if batch is None:
                return []
            self._check_lengths(batch)
            return list(batch.to_pylist())
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            raise InvalidRequest(f"{self.path} is truncated, or was altered: {_line(error)}") from error

    def _record(self, row: dict[str, Any]) -> ViewRecord:
        try:
            if any(row[name] is None for name in _ALWAYS):
                raise ValueError("null")
            vector = row["embedding"]
            said: dict[str, Any] = {name: row.get(name) for name in (*REQUIRED, *OPTIONAL)}
            return ViewRecord(
                entry=Entry(
                    id=row["entry"],
                    **said,
                    metadata=parsed(self.path, row["metadata"]),
                ),
                side=row[SIDE],
                picture=row["picture"],
                embedding=None if vector is None else np.array(vector, dtype=np.float32),
                model=row["model"],
                # Exports of release 0.1 have no maps.
                relief=None if row.get("relief") is None else _relief(row["relief"]),
                relief_model=row.get("relief_model") or "",
                photo=row.get(PHOTO_COLUMN) or "",
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(f"{self.path} was altered: a row is not one of an export's") from error


def _relief(data: bytes) -> npt.NDArray[np.int8]:
    """The map, [RELIEF_HARMONICS, RELIEF_NUMBERS]. ValueError if it has another length."""
    return np.frombuffer(data, dtype=np.int8).reshape(RELIEF_HARMONICS, RELIEF_NUMBERS)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
