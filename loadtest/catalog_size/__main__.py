"""Search time, memory and recall of the catalog of one machine by its size and kind of index.

    python -m loadtest.catalog_size fill      catalogs of random views: the slow part, and most of the disk
    python -m loadtest.catalog_size build     every kind of index for every size
    python -m loadtest.catalog_size search    start-up, memory, time and recall, each in a process of its own
    python -m loadtest.catalog_size report    docs/catalog_size.md and .png from the measured figures

Each step goes on where an earlier run has stopped. The views are random unit vectors. An entry has two, with a cosine
near 0.9 to each other; a query is a third view of the same coin. Random vectors are all equally far from one another,
real coins are not: this is the hardest case for an index that does not compare everything.
"""

import json
import sys
from pathlib import Path
from typing import Any

from catalog.folder.index.spec import parse_spec
from loadtest import command
from loadtest.catalog_size.measure import build, fill, search_alone, shelve, unshelve
from loadtest.catalog_size.report import write_report

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)  # views
KINDS = ("Flat", "HNSW32", "IVF,PQ32")


def measure(step: str, folder: Path, views: int, kind: str) -> dict[str, Any]:
    """One step for one size, and for one kind of index where the step has them."""
    if step == "fill":
        return fill(folder, views)
    if step == "build" and views < parse_spec(kind).least_views():
        return {}  # such a catalog is searched exactly
    if step == "build":
        result = build(folder, kind)
        shelve(folder, kind)
        return result
    unshelve(folder, kind)
    return search_alone(folder, kind)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.parser("loadtest.catalog_size", __doc__)
    parser.add_argument("step", choices=("fill", "build", "search", "report"))
    parser.add_argument("--work", type=Path, default=Path("data/catalog-size"), help="%(default)s")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="views of the largest catalog (%(default)s)")
    parser.add_argument("--again", action="store_true", help="measure again what was measured")
    options = parser.parse_args(argv)
    results = options.work / "results.json"
    done: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    if options.step == "report":
        write_report(done, SIZES, KINDS)
        return 0
    for views in [size for size in SIZES if size <= options.most]:
        for kind in KINDS if options.step in ("build", "search") else ("",):
            key = f"{options.step} {views} {kind}".strip()
            if key in done and not options.again:
                continue
            print(key, flush=True)
            done[key] = measure(options.step, options.work / str(views), views, kind)
            command.write_json(results, done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
