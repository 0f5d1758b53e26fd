"""Exports on disk: reading gives back what was written."""

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mintmark import InvalidRequest, ViewRecord
from mintmark._archive import open_archive, verify, write_archive
from mintmark._contract import (
    EMBEDDING_SIZE,
    OPTIONAL,
    RELIEF_HARMONICS,
    RELIEF_NUMBERS,
    REQUIRED,
    WHOLE_NUMBERS,
)
from tests.python_client.fake_catalog import unit
from tests.python_client.samples import EXPORTS, make_entry

LETTERS = "aZ09 ,;\"'\\\n\r\t=#\N{ZERO WIDTH SPACE}\N{NO-BREAK SPACE}łß한½\N{COMBINING ACUTE ACCENT}\N{COIN}"


def _text(rng: random.Random, least: int = 1) -> str:
    return "".join(rng.choices(LETTERS, k=rng.randint(least, 12)))


def _value(rng: random.Random, depth: int = 0) -> Any:
    simple = [_text(rng, 0), rng.randint(-(10**18), 10**18), rng.random(), 1e300, True, None, "1990", 1990]
    if depth > 2 or rng.random() < 0.6:
        return rng.choice(simple)
    if rng.random() < 0.5:
        return [_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {_text(rng, 0): _value(rng, depth + 1) for _ in range(rng.randint(0, 3))}


def _optional(rng: random.Random, name: str) -> Any:
    return rng.choice([None, -44, 0, 5000, 1990] if name in WHOLE_NUMBERS else [None, _text(rng), _text(rng)])


def _records(seed: int, count: int, maps: bool = True) -> list[ViewRecord]:
    """Views of entries in all the forms that the catalog takes; some without embedding, some without relief map."""
    rng = random.Random(seed)
    entries = [
        make_entry(
            "".join(rng.choices("aZ0._:-", k=rng.randint(1, 64))),
            **{name: _text(rng) for name in REQUIRED},
            **{name: _optional(rng, name) for name in OPTIONAL},
            metadata={_text(rng): _value(rng) for _ in range(rng.randint(0, 4))},
        )
        for _ in range(count)
    ]  # fmt: skip
    views = []
    for number in range(count):
        embedding = unit([rng.gauss(0, 1) for _ in range(EMBEDDING_SIZE)]) if rng.random() < 0.8 else None
        model = "" if embedding is None else rng.choice(["abc", "def"])
        picture = rng.randbytes(rng.randint(1, 300))
        entry = rng.choice(entries[: number + 1])
        relief = _map(number) if maps and rng.random() < 0.8 else None
        made_by = "" if relief is None else rng.choice(["0a1b", "2c3d"])
        views.append(ViewRecord(entry, _text(rng), picture, embedding, model, relief, made_by))
    return views


def _map(seed: int) -> npt.NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, (RELIEF_HARMONICS, RELIEF_NUMBERS), np.int8)


def _plain(record: ViewRecord, made: bool = True) -> tuple[Any, ...]:
    """The record as values that == compares; without what servers make of pictures if not `made`."""
    raw = None if record.embedding is None or not made else record.embedding.tobytes()
    relief = None if record.relief is None or not made else (record.relief.dtype, record.relief.tolist())
    models = (record.model, record.relief_model) if made else ("", "")
    return asdict(record.entry), record.side, record.picture, raw, relief, models


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("seed", range(5))
def test_round_trip(tmp_path: Path, name: str, seed: int) -> None:
    """Ids, letters, types and missing fields come back as they were. So do embeddings and maps, in Parquet."""
    records = _records(seed, 250)
    written = write_archive(tmp_path / name, iter(records))
    archive = open_archive(tmp_path / name)
    verify(archive, lambda: None)
    parquet = name.endswith("parquet")
    assert [_plain(record) for record in archive.records()] == [_plain(record, parquet) for record in records]
    assert (written.views, written.left_out, archive.footer.views) == (250, 0, 250)
    assert not list(tmp_path.glob("*.part"))


def test_parquet_of_release_0_1(tmp_path: Path) -> None:
    """It has no columns for relief maps, and its checksum holds."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    write_archive(path, _records(3, 20, maps=False))
    parquet.write_table(parquet.read_table(path).drop_columns(["relief", "relief_model"]), tmp_path / "old.parquet")
    footer = parquet.ParquetFile(path).metadata.metadata[b"mintmark"]
    table = parquet.read_table(tmp_path / "old.parquet").replace_schema_metadata({"mintmark": footer})
    parquet.write_table(table, tmp_path / "old.parquet")
    archive = open_archive(tmp_path / "old.parquet")
    verify(archive, lambda: None)
    assert [(record.relief, record.relief_model) for record in archive.records()] == [(None, "")] * 20


@pytest.mark.parametrize("name", EXPORTS)
def test_empty_catalog(tmp_path: Path, name: str) -> None:
    """It is an export without views."""
    assert write_archive(tmp_path / name, []).views == 0
    archive = open_archive(tmp_path / name)
    verify(archive, lambda: None)
    assert list(archive.records()) == []


@pytest.mark.parametrize(("name", "kept"), [("folder", 1), ("file.parquet", 2)])
def test_views_that_nothing_could_be_imported_from(tmp_path: Path, name: str, kept: int) -> None:
    """They are left out and counted.

    In a folder these are the views without a picture, in Parquet the views with neither picture nor embedding.
    """
    entry = make_entry("x")
    records = [ViewRecord(entry, "a", b"p"), ViewRecord(entry, "a", b"", unit((1,)), "m"), ViewRecord(entry, "a", b"")]
    written = write_archive(tmp_path / name, records)
    assert (written.views, written.left_out) == (kept, 3 - kept)
    verify(open_archive(tmp_path / name), lambda: None)


def test_parquet_of_someone_else(tmp_path: Path) -> None:
    """It is refused: it has no footer, or other columns."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"a": [1]}), path)
    with pytest.raises(InvalidRequest, match="no export of a Mintmark catalog"):
        open_archive(path)
    footer = json.dumps({"format": 1, "views": 1, "sha256": "0"})
    parquet.write_table(arrow.table({"a": [1]}).replace_schema_metadata({"mintmark": footer}), path)
    with pytest.raises(InvalidRequest, match="it lacks the column entry"):
        verify(open_archive(path), lambda: None)
