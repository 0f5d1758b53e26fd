"""`mintmark export` and `import`."""

import argparse
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from mintmark._archive import Archive, Threshold, check_target, open_archive, verify, write_archive
from mintmark._cli.options import Commands, add_command
from mintmark._cli.output import Progress, complain, counted
from mintmark._client import Client
from mintmark._requests import IMPORT_BATCH
from mintmark._types import CatalogStatus, RefusedView, ViewRecord


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `export` and `import`."""
    export = add_command(commands, common, "export", "Write the whole catalog to disk.")
    export.add_argument(
        "target",
        type=Path,
        metavar="TARGET",
        help="a new folder, for labels.csv and photos/, or a new FILE.parquet, which also holds the embeddings",
    )
    export.set_defaults(run=run_export)
    restore = add_command(commands, common, "import", "Add an export to the catalog. An import can be repeated.")
    restore.add_argument(
        "source", type=Path, metavar="SOURCE", help="the folder, the labels.csv in it, or the FILE.parquet"
    )
    restore.set_defaults(run=run_import)


def run_export(client: Client, args: argparse.Namespace) -> int:
    """Write all views."""
    check_target(args.target)
    status = client.status()
    refused = _Refused("exported")
    with Progress("exported", status.views + status.stale_views) as progress:
        views = client.export(on_refused=lambda view: refused.note(view, progress))
        written = write_archive(args.target, _counted(views, progress.advance), _threshold(status))
    if written.left_out:
        complain(f"left out {counted(written.left_out, 'view')} without a stored picture: an import could not use them")
    print(f"exported {counted(written.views, 'view')} to {args.target}")
    return refused.status()


def _counted(records: Iterable[ViewRecord], advance: Callable[[], None]) -> Iterator[ViewRecord]:
    for record in records:
        yield record
        advance()


def run_import(client: Client, args: argparse.Namespace) -> int:
    """Verify the export, then send it."""
    archive = open_archive(args.source)
    with Progress("verified", archive.footer.views) as progress:
        verify(archive, progress.advance)
    refused = _Refused("imported")
    added, lost = _send(client, archive, refused)
    if lost:
        complain(f"left out {counted(lost, 'view')} without a picture or an embedding by the server's weights")
    print(f"imported {counted(added, 'new view')} of {archive.footer.views}")
    if archive.footer.threshold is not None:
        _take_threshold(client, archive.footer.threshold)
    return refused.status()


def _threshold(status: CatalogStatus) -> Threshold:
    relief_model = str(status.details.get("relief_model", ""))
    return Threshold(status.threshold, status.calibrated, status.model, relief_model)


def _take_threshold(client: Client, theirs: Threshold) -> None:
    """Set a calibrated threshold where it holds and the catalog has none of its own; says what it did."""
    if not theirs.calibrated:
        return
    ours = _threshold(client.status())
    if (ours.model, ours.relief_model) != (theirs.model, theirs.relief_model):
        print(
            f"left out the export's threshold {theirs.score:.4f}, which holds for other weights: `mintmark calibrate`"
            " measures one for these"
        )
    elif not ours.calibrated:
        client.set_threshold(theirs.score)
        print(f"set the export's threshold: a coin is known from {theirs.score:.4f} on (before: {ours.score:.4f})")
    elif ours.score != theirs.score:
        print(f"kept the catalog's own threshold {ours.score:.4f}; the export's is {theirs.score:.4f}")


class _Refused:
    """Says which views were refused; the command goes on with the rest and ends with status 1."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._count = 0

    def note(self, view: RefusedView, progress: Progress) -> None:
        """Say it of one view."""
        self._count += 1
        progress.note(f"mintmark: entry {view.entry}, side {view.side}: {view.error}")

    def status(self) -> int:
        """Exit status of the command."""
        if self._count:
            complain(f"{counted(self._count, 'view')} could not be {self._doing} as they were, see above")
        return int(self._count > 0)


def _send(client: Client, archive: Archive, refused: _Refused) -> tuple[int, int]:
    """How many views are new, and how many the server cannot use."""
    model = client.status().model
    added = lost = 0
    records = archive.records()
    with Progress("imported", archive.footer.views) as progress:
        while batch := list(islice(records, IMPORT_BATCH)):
            usable = [record for record in batch if record.picture or record.model == model]
            lost += len(batch) - len(usable)
            added += client.import_views(usable, on_refused=lambda view: refused.note(view, progress))
            progress.advance(len(batch))
    return added, lost
