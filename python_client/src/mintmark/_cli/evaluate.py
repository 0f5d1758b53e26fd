"""`mintmark evaluate`."""

import argparse
from pathlib import Path
from typing import Any

from mintmark._cli.options import Commands, add_command, picture_file, positive
from mintmark._cli.output import Progress, counted, print_json, print_table
from mintmark._cli.photos import add_manifest, ask_all, check_photos
from mintmark._client import Client
from mintmark._errors import InvalidRequest, ServerError
from mintmark._evaluation import KS, Evaluation, Shots, evaluate_outlines, misses, see
from mintmark._manifest import NOTHING, ROLES, SCENE, UNKNOWN, read_manifest, read_outlines
from mintmark._pictures.canvas import save
from mintmark._pictures.misses import draw_misses
from mintmark._scenes import evaluate_scenes, see_scene
from mintmark._turns import AGREES, evaluate_turns, see_turned
from mintmark._types import Ellipse
from mintmark._verification import Judge

SHOWN = 24  # misses on a sheet


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `evaluate`."""
    parser = add_command(commands, common, "evaluate", "Measure the server on labelled photos.")
    add_manifest(parser, f"roles other than {', '.join(ROLES)} and {SCENE} are skipped")
    parser.add_argument("--outlines", metavar="ELLIPSES.csv", help="columns path, cx, cy, a, b, angle, quality")
    parser.add_argument(
        "--turned",
        action="store_true",
        help="is a photo's outline the same whichever way it is turned? asks four times more",
    )
    parser.add_argument("--worst", type=picture_file, metavar="SHEET.png", help=f"draw the {SHOWN} worst queries")
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="do not compare reliefs: measure the embedding alone"
    )
    few = parser.add_argument_group("few pictures", "Recall also with catalogs drawn at random, as people have them.")
    few.add_argument("--shots", type=positive, metavar="N", help="pictures of each label in a catalog")
    few.add_argument("--repeats", type=positive, default=15, metavar="R", help="catalogs that are drawn (%(default)s)")
    few.add_argument("--seed", type=int, default=0, help="of the drawing (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Embed the photos that the manifest names, measure, print."""
    named = read_manifest(args.manifest, args.sets)
    rows = [row for row in named if row.role in ROLES]
    outlines = read_outlines(args.outlines, {row.path for row in named}) if args.outlines else {}
    scenes = [row.path for row in named if row.role == SCENE and row.path in outlines]
    paths = list(dict.fromkeys([*(row.path for row in rows), *outlines]))
    if not paths:
        raise InvalidRequest(
            f"{args.manifest} names no photo to evaluate: roles are {', '.join(ROLES)}, and {SCENE} where there are"
            " --outlines"
        )
    root = check_photos(args, paths)
    judge = _judge(client) if args.verify else None
    sights = ask_all(paths, lambda path: see(client, root / path, bool(args.worst)), args.concurrency)
    evaluation = Evaluation(rows, sights, judge)
    shots = Shots(args.shots, args.repeats, args.seed) if args.shots else None
    with Progress("compared", evaluation.comparisons(shots)) as progress:
        report = evaluation.report(shots, progress.advance)
    report["outlines"] = evaluate_outlines(outlines, sights) if outlines else None
    report["scenes"] = _scenes(client, args, root, scenes, outlines) if scenes else None
    if args.turned:
        shown = [path for path in paths if path not in {row.path for row in rows if row.role == NOTHING}]
        turns = ask_all(shown, lambda path: see_turned(client, root / path), args.concurrency)
        report["turned"] = evaluate_turns(turns)
    else:
        report["turned"] = None
    if args.worst:
        save(args.worst, draw_misses(root, misses(evaluation)[:SHOWN], sights))
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 0


def _scenes(
    client: Client, args: argparse.Namespace, root: Path, paths: list[str], outlines: dict[str, list[Ellipse]]
) -> dict[str, Any]:
    seen = ask_all(paths, lambda path: see_scene(client, root / path), args.concurrency)
    return evaluate_scenes(seen, outlines, read_outlines(args.outlines, paths, doubtful=True))


def _judge(client: Client) -> Judge:
    """The server's. ServerError if it has none."""
    try:
        return Judge(**client.status().details["judge"])
    except (KeyError, TypeError) as error:
        raise ServerError(f"the server's status has no judge ({error}): it does not verify; use --no-verify") from error


def _print(report: dict[str, Any]) -> None:
    _print_counts(report)
    if report["recall"]:
        print()
        _print_recall(report["recall"])
    if report["shots"]:
        print()
        _print_shots(report["shots"])
    if report["auroc"] is not None:
        print(f"\nAUROC of the top score, catalog's coins against unknown: {report['auroc']:.4f}")
        accepted = report["unknown_accepted"].items()
        print(
            "unknown coins accepted: "
            + ", ".join(f"{of:.2%} where {at} of known ones are refused" for at, of in accepted)
        )
    elif report["recall"]:
        print(f"\nno photos of the role {UNKNOWN}: how many unknown coins are accepted is not measured")
    if report["outlines"]:
        print()
        _print_outlines(report["outlines"])
    if report["scenes"]:
        print()
        _print_scenes(report["scenes"])
    if report["turned"]:
        print()
        _print_turned(report["turned"])


def _print_counts(report: dict[str, Any]) -> None:
    photos, found, index = report["photos"], report["found"], report["index"]
    if photos:
        rows = [[role, str(photos[role]), f"{found[role]:.4f}"] for role in ROLES if role in photos]
        total = ["all", str(sum(photos.values())), f"{found['all']:.4f}"]
        print_table([["role", "photos", "coin found"], *rows, total], right=frozenset({1, 2}))
        print(f"searched {index['pictures']} pictures, {index['left_out']} without a coin left out")
    if report["refused"]:
        print(f"refused {len(report['refused'])} photos")


def _print_recall(recall: dict[str, Any]) -> None:
    columns = ["queries", *(f"recall@{k}" for k in KS)]
    groups = {**recall["labels"], "all": recall["overall"]}
    rows = [
        [label, str(group["queries"]), *(f"{group[name]:.4f}" for name in columns[1:])]
        for label, group in groups.items()
    ]
    print_table([["label", *columns], *rows], right=frozenset(range(1, len(columns) + 1)))


def _print_shots(shots: dict[str, Any]) -> None:
    names = [f"recall@{k}" for k in KS]
    title = f"{counted(shots['pictures'], 'picture')} a label, {counted(shots['repeats'], 'catalog')}"
    rows = [[title, *names], *([part, *(f"{shots[name][part]:.4f}" for name in names)] for part in ("mean", "spread"))]
    print_table(rows, right=frozenset(range(1, len(names) + 1)))


def _print_outlines(outlines: dict[str, Any]) -> None:
    print(f"outlines: {outlines['photos']} photos, coin found in {outlines['found']}")
    names = list(outlines["best"])
    rows = [
        [f"{kind} outline", *(f"{outlines[key][name]:.4f}" for name in names)]
        for kind, key in (("best fitting", "best"), ("largest", "largest"))
    ]
    print_table([["IoU with", *names], *rows], right=frozenset(range(1, len(names) + 1)))


def _print_scenes(scenes: dict[str, Any]) -> None:
    print(f"scenes: {scenes['coins']} coins in {counted(scenes['photos'], 'photo')}, {scenes['found']} found")
    rows = [
        [f"IoU {least} or more", *("-" if value is None else f"{value:.4f}" for value in figures.values())]
        for least, figures in scenes["iou"].items()
    ]
    print_table([["coins that overlap", *next(iter(scenes["iou"].values()))], *rows], right=frozenset({1, 2}))


def _print_turned(turned: dict[str, Any]) -> None:
    agree = "-" if turned["agree"] is None else f"{turned['agree']:.4f}"
    print(f"turned by 90, 180 and 270 degrees: {agree} of the outlines agree (IoU {AGREES} or more),")
    print(f"of {counted(turned['photos'], 'photo')} with a coin; in {turned['without_coin']} none was ever found")
    for path, wrong in turned["differ"].items():
        print(f"  {path}: {wrong} of 3 turns differ")
