"""`mintmark calibrate`."""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

from mintmark._calibration import NO_COIN, Calibration, calibrate, needed
from mintmark._cli.common import Commands, add_command, complain, counted, positive, print_json, print_table, share
from mintmark._client import Client
from mintmark._draw import save
from mintmark._errors import InvalidRequest
from mintmark._evaluation import Row, ask_all, check_photos, read_manifest
from mintmark._plot import draw_scores
from mintmark._progress import Progress

KNOWN, UNKNOWN = "query", "unknown"  # roles


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `calibrate`."""
    parser = add_command(
        commands, common, "calibrate", "Choose the score from which a coin counts as known, by labelled photos."
    )
    parser.add_argument(
        "manifest",
        metavar="MANIFEST.csv",
        help=f"columns path, label, role: {KNOWN} is a photo of a coin in the server's catalog, {UNKNOWN} of another;"
        " other roles are skipped",
    )
    parser.add_argument(
        "--false-accept-rate",
        type=share,
        default=0.01,
        metavar="RATE",
        help="share of photos of unknown coins that may be taken for known ones (0.01)",
    )
    parser.add_argument("--dry-run", action="store_true", help="report, and leave the server's threshold as it is")
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the scores of both kinds of photos")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the paths start (the manifest's folder)")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME", help="only rows of this set")
    parser.add_argument("--concurrency", type=positive, default=4, metavar="N", help="photos at a time (4)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Score:
    """What one photo scores against the catalog; -1, and why, where the server refuses it."""

    score: float
    refusal: str | None = None


def run(client: Client, args: argparse.Namespace) -> int:
    """Ask for the scores, choose, report, set."""
    rows = [row for row in read_manifest(args.manifest, args.sets) if row.role in (KNOWN, UNKNOWN)]
    if not any(row.role == UNKNOWN for row in rows):
        raise InvalidRequest(f"{args.manifest} names no photos of the role {UNKNOWN}: nothing to choose a threshold by")
    root = args.root or Path(args.manifest).parent
    paths = list(dict.fromkeys(row.path for row in rows))
    check_photos(root, paths)
    before = _check_catalog(client)
    scores = _ask(client, root, paths, args.concurrency)
    known, unknown = _scores(rows, scores, KNOWN), _scores(rows, scores, UNKNOWN)
    result = calibrate(known, unknown, args.false_accept_rate)
    if args.plot:
        save(args.plot, draw_scores(known, unknown, result))
    if not args.dry_run:
        client.set_threshold(result.threshold)
    if args.json:
        print_json({**asdict(result), "before": before, "set": not args.dry_run})
    else:
        _print(result, known, unknown, before, args.dry_run)
    return 0


def _check_catalog(client: Client) -> float:
    """The server's threshold as it is. InvalidRequest if its catalog has nothing to score against."""
    status = client.status()
    if not status.views:
        raise InvalidRequest("the server's catalog has no views to compare with: enroll the known coins first")
    if status.stale_views:
        complain(f"{counted(status.stale_views, 'stale view')} not searched, here too: run `mintmark reembed`")
    return status.threshold


def _ask(client: Client, root: Path, paths: list[str], workers: int) -> dict[str, Score]:
    with Progress("photos", len(paths)) as progress:

        def seen(path: str, score: Score) -> None:
            if score.refusal is not None:
                progress.note(f"mintmark: {path}: {score.refusal}")
            progress.advance()

        return ask_all(paths, lambda path: _score(client, root / path), workers, seen)


def _score(client: Client, photo: Path) -> Score:
    try:
        matches = client.recognize(photo, k=1).matches
    except InvalidRequest as error:
        return Score(NO_COIN, str(error))
    return Score(matches[0].score if matches else NO_COIN)


def _scores(rows: list[Row], scores: dict[str, Score], role: str) -> list[float]:
    """Of the photos of a role. That a photo is refused does not show that an unknown coin is; a known one is lost."""
    found = [scores[row.path] for row in rows if row.role == role]
    return [one.score for one in found if one.refusal is None or role == KNOWN]


def _print(result: Calibration, known: list[float], unknown: list[float], before: float, dry_run: bool) -> None:
    rows = [["threshold", f"{result.threshold:.4f}", f"before: {before:.4f}"]]
    bound = f"{_rate(result.unknown_accepted, result.unknown)}, at most {result.at_most:.2%} with 95 % confidence"
    rows.append([UNKNOWN, f"{result.unknown_accepted} of {result.unknown} accepted", bound])
    share = _rate(result.known_accepted, result.known) if result.known else f"no photos of the role {KNOWN}"
    rows.append(["known", f"{result.known_accepted} of {result.known} accepted", share])
    rows.append(["no coin", f"{unknown.count(NO_COIN)} unknown, {known.count(NO_COIN)} known", f"score {NO_COIN:g}"])
    print_table(rows)
    if not result.enough:
        print(
            f"too few unknown photos: a rate of {result.rate:g} takes at least {needed(result.rate)}, these are"
            f" {result.unknown}; the threshold accepts none of them, which says no more than 'at most' above"
        )
    print("not set: --dry-run" if dry_run else "set on the server")


def _rate(part: int, whole: int) -> str:
    return f"{part / whole:.2%}"
