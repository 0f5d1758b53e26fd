"""`mintmark evaluate`."""

import argparse
from pathlib import Path
from typing import Any

from mintmark._cli.common import Commands, add_command, positive, print_json, print_table
from mintmark._client import Client
from mintmark._draw import save
from mintmark._errors import InvalidRequest
from mintmark._evaluation import (
    KS,
    ROLES,
    Sight,
    Sights,
    check_photos,
    evaluate,
    evaluate_outlines,
    read_manifest,
    read_outlines,
    see,
)
from mintmark._progress import Progress
from mintmark._worst import draw_misses, misses

SHOWN = 24  # misses on a sheet


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `evaluate`."""
    parser = add_command(commands, common, "evaluate", "Measure the server on labelled photos.")
    parser.add_argument(
        "manifest",
        metavar="MANIFEST.csv",
        help=f"columns path, label, role; roles other than {', '.join(ROLES)} are skipped",
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the paths start (the manifest's folder)")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME", help="only rows of this set")
    parser.add_argument("--outlines", metavar="ELLIPSES.csv", help="columns path, cx, cy, a, b, angle, quality")
    parser.add_argument("--worst", type=Path, metavar="SHEET.png", help=f"draw the {SHOWN} worst queries")
    parser.add_argument("--concurrency", type=positive, default=4, metavar="N", help="photos at a time (4)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Embed what the manifest names, measure, print."""
    named = read_manifest(args.manifest, args.sets)
    rows = [row for row in named if row.role in ROLES]
    outlines = read_outlines(args.outlines, {row.path for row in named}) if args.outlines else {}
    paths = list(dict.fromkeys([*(row.path for row in rows), *outlines]))
    if not paths:
        raise InvalidRequest(f"{args.manifest} names no photo to evaluate: roles are {', '.join(ROLES)}")
    root = args.root or Path(args.manifest).parent
    check_photos(root, paths)
    sights = _see(client, root, paths, args.concurrency)
    report = evaluate(rows, sights)
    report["outlines"] = evaluate_outlines(outlines, sights) if outlines else None
    if args.worst:
        save(args.worst, draw_misses(root, misses(rows, sights)[:SHOWN], sights))
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 0


def _see(client: Client, root: Path, paths: list[str], workers: int) -> Sights:
    with Progress("photos", len(paths)) as progress:

        def seen(path: str, sight: Sight) -> None:
            if sight.refusal is not None:
                progress.note(f"mintmark: {path}: {sight.refusal}")
            progress.advance()

        return see(client, root, paths, workers, seen)


def _print(report: dict[str, Any]) -> None:
    _print_counts(report)
    if report["recall"]:
        print()
        _print_recall(report["recall"])
    if report["auroc"] is not None:
        print(f"\nAUROC of the top score, catalog's coins against unknown: {report['auroc']:.4f}")
    if report["outlines"]:
        print()
        _print_outlines(report["outlines"])


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


def _print_outlines(outlines: dict[str, Any]) -> None:
    print(f"outlines: {outlines['photos']} photos, coin found in {outlines['found']}")
    names = list(outlines["best"])
    rows = [
        [f"{kind} outline", *(f"{outlines[key][name]:.4f}" for name in names)]
        for kind, key in (("best fitting", "best"), ("largest", "largest"))
    ]
    print_table([["IoU with", *names], *rows], right=frozenset(range(1, len(names) + 1)))
