"""`mintmark calibrate`."""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

from mintmark._calibration import Calibration, calibrate, needed
from mintmark._cli.options import Commands, add_command, picture_file, share
from mintmark._cli.output import complain, counted, print_json, print_table
from mintmark._cli.photos import add_manifest, ask_all, check_photos
from mintmark._client import Client
from mintmark._errors import InvalidRequest
from mintmark._manifest import QUERY, UNKNOWN, Row, read_manifest
from mintmark._pictures.canvas import save
from mintmark._pictures.scores import draw_scores
from mintmark._types import NO_COIN_SCORE


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `calibrate`."""
    parser = add_command(
        commands, common, "calibrate", "Choose the score from which a coin counts as known, on labelled photos."
    )
    add_manifest(
        parser, f"{QUERY}: a coin in the server's catalog, {UNKNOWN}: a coin that is not; other roles are skipped"
    )
    parser.add_argument(
        "--false-accept-rate",
        type=share,
        default=0.01,
        metavar="RATE",
        help="share of the photos of unknown coins that may be accepted as known (%(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="report only; do not change the server's threshold")
    parser.add_argument("--plot", type=picture_file, metavar="OUT.png", help="draw the scores of both kinds of photos")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Score:
    """What one photo scores against the catalog: NO_COIN_SCORE, with the reason, if the server refuses the photo."""

    score: float
    refusal: str | None = None


def run(client: Client, args: argparse.Namespace) -> int:
    """Ask for the scores, choose the threshold, set and report it."""
    rows = [row for row in read_manifest(args.manifest, args.sets) if row.role in (QUERY, UNKNOWN)]
    if not any(row.role == UNKNOWN for row in rows):
        raise InvalidRequest(
            f"{args.manifest} names no photos of the role {UNKNOWN}: a threshold cannot be chosen without"
        )
    paths = list(dict.fromkeys(row.path for row in rows))
    root = check_photos(args, paths)
    before = _check_catalog(client)
    scores = ask_all(paths, lambda path: _score(client, root / path), args.concurrency)
    known, unknown = _scores(rows, scores, QUERY), _scores(rows, scores, UNKNOWN)
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
    """The server's present threshold. InvalidRequest if its catalog has no views to score against."""
    status = client.status()
    if not status.views:
        raise InvalidRequest("the server's catalog has no views to compare with: enroll the known coins first")
    if status.stale_views:
        complain(f"{counted(status.stale_views, 'stale view')} not searched, nor counted here: run `mintmark reembed`")
    if status.without_relief:
        views = counted(status.without_relief, "view")
        complain(f"{views} without a relief map: scores change when `mintmark reembed` makes it, so run it first")
    return status.threshold


def _score(client: Client, photo: Path) -> Score:
    try:
        matches = client.recognize(photo, k=1).matches
    except InvalidRequest as error:
        return Score(NO_COIN_SCORE, str(error))
    return Score(matches[0].score if matches else NO_COIN_SCORE)


def _scores(rows: list[Row], scores: dict[str, Score], role: str) -> list[float]:
    """The scores of the photos of a role.

    A refused photo of an unknown coin says nothing about the threshold, so it is left out. A refused photo of a known
    coin counts as not accepted.
    """
    found = [scores[row.path] for row in rows if row.role == role]
    return [one.score for one in found if one.refusal is None or role == QUERY]


def _print(result: Calibration, known: list[float], unknown: list[float], before: float, dry_run: bool) -> None:
    rows = [["threshold", f"{result.threshold:.4f}", f"before: {before:.4f}"]]
    bound = f"{_rate(result.unknown_accepted, result.unknown)}, at most {result.at_most:.2%} with 95 % confidence"
    rows.append([UNKNOWN, f"{result.unknown_accepted} of {result.unknown} accepted", bound])
    share = _rate(result.known_accepted, result.known) if result.known else f"no photos of the role {QUERY}"
    rows.append(["known", f"{result.known_accepted} of {result.known} accepted", share])
    rows.append(
        [
            "no coin",
            f"{unknown.count(NO_COIN_SCORE)} unknown, {known.count(NO_COIN_SCORE)} known",
            f"score {NO_COIN_SCORE:g}",
        ]
    )
    print_table(rows)
    if not result.enough:
        print(
            f"too few unknown photos: a rate of {result.rate:g} takes at least {needed(result.rate)}, these are"
            f" {result.unknown}. The threshold accepts none of them; only the 'at most' above is certain"
        )
    print("not set: --dry-run" if dry_run else "set on the server")


def _rate(part: int, whole: int) -> str:
    return f"{part / whole:.2%}"
