"""Exports of a catalog on disk: a folder of photos with a table, or a Parquet file, which also has embeddings.

Both hold the number of their views and a SHA-256 over them, so that an import can tell that an export is complete. They
also hold the score from which a coin counts as known.
"""

from collections.abc import Iterable
from pathlib import Path

from mintmark._archive.base import Archive, Written, verify
from mintmark._archive.folder import FolderArchive, check_folder, write_folder
from mintmark._archive.parquet import SUFFIX, ParquetArchive, check_parquet, write_parquet
from mintmark._archive.threshold import Threshold
from mintmark._types import ViewRecord

__all__ = ["Archive", "Threshold", "Written", "check_target", "open_archive", "verify", "write_archive"]


def check_target(target: Path) -> None:
    """Refuse at once what `write_archive` would refuse. MintmarkError."""
    (check_parquet if target.suffix == SUFFIX else check_folder)(target)


def write_archive(target: Path, records: Iterable[ViewRecord], threshold: Threshold | None = None) -> Written:
    """Export into a new Parquet file if the target has its suffix, else into a new or empty folder."""
    return (write_parquet if target.suffix == SUFFIX else write_folder)(target, records, threshold)


def open_archive(source: Path) -> Archive:
    """Open an export: a file, a folder, or the table in a folder. InvalidRequest if it is no complete export."""
    if source.suffix == SUFFIX:
        return ParquetArchive(source)
    return FolderArchive(source if source.is_dir() else source.parent)
