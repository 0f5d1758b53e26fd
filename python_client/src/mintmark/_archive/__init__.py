"""Exports of a catalog on disk: a folder of photos with a table, or a Parquet file with embeddings too.

Both carry the number of their views and a SHA-256 over them, so that an import knows a whole export from another.
"""

from collections.abc import Iterable
from pathlib import Path

from mintmark._archive.base import Archive, Written, verify
from mintmark._archive.folder import FolderArchive, write_folder
from mintmark._archive.parquet import SUFFIX, ParquetArchive, write_parquet
from mintmark._types import ViewRecord

__all__ = ["Archive", "Written", "open_archive", "verify", "write_archive"]


def write_archive(target: Path, records: Iterable[ViewRecord]) -> Written:
    """Export into a new Parquet file where the target's suffix says so, else into a new or empty folder."""
    return write_parquet(target, records) if target.suffix == SUFFIX else write_folder(target, records)


def open_archive(source: Path) -> Archive:
    """An export by its file, its folder, or the table in its folder. InvalidRequest if it is none."""
    if source.suffix == SUFFIX:
        return ParquetArchive(source)
    return FolderArchive(source if source.is_dir() else source.parent)
