"""Three servers on one Milvus behind HAProxy, under load: one is killed, one is replaced, the weights change.

    python -m loadtest.fleet --seconds 10

All on this machine: Locust's users, Milvus, HAProxy and up to four servers, which run the catalog's models alone and
take embeddings instead of photos. Exit status 1 where a request failed, an acknowledged enrolment was lost, or a search
did not find what was enrolled before.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from loadtest import command
from loadtest.fleet.balancer import BalancerError
from loadtest.fleet.load import LoadError
from loadtest.fleet.milvus import MilvusError
from loadtest.fleet.scenario import Outcome, run
from loadtest.generator import Sample, figures
from loadtest.tables import number, table
from server.wheel import ServerError


def rows(outcome: Outcome) -> list[list[str]]:
    """Figures of searches and enrolments between one event and the next."""
    made = []
    begins = [*outcome.events[:-1]]
    ends = [moment for moment, _ in outcome.events[1:]]
    for (begin, text), end in zip(begins, ends, strict=True):
        cells = [text, f"{begin:.0f}"]
        for samples in (outcome.seen.searches, outcome.seen.enrolments):
            cells += _cells([one for one in samples if begin <= one.end < end], end - begin)
        made.append(cells)
    return made


def _cells(samples: Sequence[Sample], seconds: float) -> list[str]:
    of = figures(samples, max(seconds, 0.001))
    longest = max((1e3 * one.seconds for one in samples), default=float("nan"))
    return [str(len(samples)), number(of.p50_ms), number(of.p95_ms), number(longest)]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.parser("loadtest.fleet", __doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load after each event (%(default)s)")
    parser.add_argument("--searchers", type=int, default=3, help="users that search (%(default)s)")
    parser.add_argument("--enrollers", type=int, default=2, help="users that enroll and search (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data/loadtest/fleet"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
            outcome = run(Path(folder), options.seconds, options.searchers, options.enrollers)
    except (BalancerError, LoadError, MilvusError, ServerError) as error:
        return command.failed(error)
    head = ["since", "at s", "searches", "p50 ms", "p95", "longest", "enrolments", "p50 ms", "p95", "longest"]
    print("\n".join(table(head, rows(outcome))))
    seen = outcome.seen
    print(f"{len(seen.acknowledged)} enrolments acknowledged, {outcome.views} views in the end")
    command.write_json(options.out / "fleet.json", {**_record(outcome), "options": vars(options) | {"out": ""}})
    bad = [*seen.faults, *seen.wrong, *(f"{each} is lost" for each in outcome.lost)]
    bad += [f"{each} is not found in the end" for each in outcome.unfound]
    for text in bad:
        print(text, file=sys.stderr)
    return 1 if bad else 0


def _record(outcome: Outcome) -> dict[str, object]:
    seen = outcome.seen
    return {
        "events": outcome.events,
        "searches": [asdict(one) for one in seen.searches],
        "enrolments": [asdict(one) for one in seen.enrolments],
        "faults": seen.faults,
        "wrong": seen.wrong,
        "lost": outcome.lost,
        "unfound": outcome.unfound,
    }


if __name__ == "__main__":
    sys.exit(main())
