"""`mintmark enroll --from`: enrolls the rows of a table or a collection, and says what became of each."""

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mintmark._cli import colour
from mintmark._cli.output import Progress, complain, counted, json_line
from mintmark._cli.terminal import one_line
from mintmark._client import Client
from mintmark._enrolment.catalog import Rehearsal
from mintmark._enrolment.enroller import Enroller, Outcome, Result
from mintmark._enrolment.failures import FailedRows
from mintmark._enrolment.journal import Journal, Line
from mintmark._enrolment.opening import open_source
from mintmark._enrolment.row import Source
from mintmark._enrolment.workers import results
from mintmark._errors import InvalidRequest

_WORDS = {
    Outcome.NEW: ("new entry", "new entries"),
    Outcome.ADDED: ("more photo of an entry", "more photos of entries"),
    Outcome.UPDATED: ("updated", "updated"),
    Outcome.KNOWN: ("already there", "already there"),
    Outcome.FAILED: ("failed", "failed"),
}
_NOTHING: Mapping[int, Line] = {}


def enroll_many(client: Client, args: argparse.Namespace) -> int:
    """Enroll all rows; returns the exit code."""
    source = open_source(args.table, args.photos)
    for note in source.notes:
        complain(note)
    if args.dry_run:
        return _Run(client, args, source, None).finish()
    failed = args.failed or _failed_name(Path(args.table))
    _check_writable(failed, args.resume)
    journal = Journal(failed.with_suffix(".journal"), args.table)
    moved = failed.resolve().parent != Path(args.table).resolve().parent and args.photos is None
    run = _Run(client, args, source, FailedRows(failed, source, moved=moved))
    done = journal.read() if args.resume else {}
    journal.start(resume=bool(done))
    try:
        status = run.finish(journal, done)
    except BaseException:
        journal.close(finished=False)
        raise
    journal.close(finished=True)
    return status


def _failed_name(table: Path) -> Path:
    """Where the rows that fail go: `labels.failed.csv`, and those of that table `labels.failed-2.csv`."""
    name, dot, suffix = table.stem.rpartition(".")
    if not dot or not suffix.startswith("failed"):
        return table.with_name(f"{table.stem}.failed.csv")
    number = suffix.removeprefix("failed-")
    return table.with_name(f"{name}.failed-{int(number) + 1 if number.isdecimal() else 2}.csv")


def _check_writable(failed: Path, resume: bool) -> None:
    """Refuse before the work what could not be written after it."""
    folder = failed.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequest(f"cannot write {failed}, where the rows that fail go: name another file with --failed")
    if failed.exists() and not resume:
        raise InvalidRequest(
            f"{failed} is there already, with the rows that failed before: mend it and give it with --from, go on with"
            " --resume, remove it, or name another file with --failed"
        )


class _Run:
    """One way through the rows of a source. Without `failed` it is a rehearsal."""

    def __init__(self, client: Client, args: argparse.Namespace, source: Source, failed: FailedRows | None) -> None:
        self._args = args
        self._source = source
        self._failed = failed
        self._enroller = Enroller(client if failed else Rehearsal(client), update=args.update)
        self._tally: Counter[Outcome] = Counter()

    def finish(self, journal: Journal | None = None, done: Mapping[int, Line] = _NOTHING) -> int:
        """Go through all rows but those that are `done`; returns the exit code. Says how to go on if it is stopped."""
        rows = self._source.rows
        try:
            with Progress("rows", len(rows)) as progress:
                failed = {number for number, line in done.items() if line.failed}
                self._tally[Outcome.FAILED] += len(failed)
                progress.advance(len(failed))
                work = [
                    (number, row, done[number].photo if number in done else "")
                    for number, row in enumerate(rows)
                    if number not in failed
                ]
                for number, result in results(work, self._enroller.enroll, self._args.concurrency):
                    self._report(result, progress)
                    line = Line(result.photo, result.outcome is Outcome.FAILED)
                    if journal is not None and done.get(number) != line:
                        journal.add(number, line)
                    progress.advance()
        except BaseException:
            self._say_how_to_go_on()
            raise
        self._print(self._summary())
        return int(self._tally[Outcome.FAILED] > 0)

    def _report(self, result: Result, progress: Progress) -> None:
        self._tally[result.outcome] += 1
        place = result.row.place
        if result.outcome is Outcome.FAILED:
            progress.note(colour.error(f"mintmark: {place}: {result.error}"))
            if self._failed:
                self._failed.add(result.row, result.error)
        elif self._args.dry_run and not self._args.jsonl:
            progress.result(one_line(f"{place}: {_WORDS[result.outcome][0]}: {result.entry}"))
        for note in result.notes:
            progress.note(f"mintmark: {place}: enrolled, but {note}")
        if self._args.jsonl:
            said = {"row": place, "outcome": result.outcome.value, "entry": result.entry, "photo": result.photo}
            progress.result(json_line({**said, "notes": result.notes, "error": result.error}))

    def _summary(self) -> str:
        total = len(self._source.rows)
        parts = [f"{number} {_WORDS[outcome][number != 1]}" for outcome in Outcome if (number := self._tally[outcome])]
        done = sum(self._tally.values()) - self._tally[Outcome.FAILED]
        verb = "would enroll" if self._args.dry_run else "enrolled"
        kept = (
            f"; mend {self._failed.path} and give it with --from" if self._failed and self._failed.path.exists() else ""
        )
        return f"{verb} {done} of {total}" + (f": {', '.join(parts)}" if parts else "") + kept

    def _print(self, line: str) -> None:
        """With --jsonl, stdout belongs to the rows."""
        print(line, file=sys.stderr if self._args.jsonl else sys.stdout)

    def _say_how_to_go_on(self) -> None:
        args = self._args
        done = sum(self._tally.values())
        complain(f"stopped after {counted(done, 'row')} of {len(self._source.rows)}: {self._summary()}")
        if args.dry_run:
            return
        words = ["mintmark", "enroll", "--from", args.table, "--resume", *(["--update"] if args.update else [])]
        for option, value in (("--photos", args.photos), ("--failed", args.failed)):
            words += [option, str(value)] if value else []
        complain(f"go on with: {shlex.join(words)}")
