"""What verification costs, by the size of the catalog.

    python -m loadtest.verification fill      catalogs of random views with relief maps: 5 GB of disk for a million
    python -m loadtest.verification search    start-up, memory and time, each in a process of its own
    python -m loadtest.verification report    docs/verification.md from the measured figures

Each step goes on where an earlier run has stopped. Views and maps are random: what they hold makes no difference to the
time. A search has 1,000 candidates and runs on one core.
"""

import json
import sys
from pathlib import Path
from typing import Any

from loadtest import command
from loadtest.verification.measure import fill, search_alone, time_of_a_map
from loadtest.verification.report import write_report

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)  # views


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.parser("loadtest.verification", __doc__)
    parser.add_argument("step", choices=("fill", "search", "report"))
    parser.add_argument("--work", type=Path, default=Path("data/verification"), help="%(default)s")
    parser.add_argument("--most", type=int, default=1_000_000, help="views of the largest catalog (%(default)s)")
    parser.add_argument("--again", action="store_true", help="measure again what was measured")
    options = parser.parse_args(argv)
    results = options.work / "results.json"
    done: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    if options.step == "report":
        write_report(done, SIZES)
        return 0
    for views in [size for size in SIZES if size <= options.most]:
        key, folder = f"{options.step} {views}", options.work / str(views)
        if key in done and not options.again:
            continue
        print(key, flush=True)
        done[key] = fill(folder, views) if options.step == "fill" else search_alone(folder)
        command.write_json(results, done)
    if options.step == "search":
        done["map"] = time_of_a_map()
        command.write_json(results, done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
