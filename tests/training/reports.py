"""What `mintmark evaluate --json` prints, as far as tests of the training need it."""

from typing import Any

REPORT: dict[str, Any] = {
    "photos": {"query": 2},
    "found": {"query": 1.0, "all": 0.75},
    "recall": {"overall": {"queries": 2, "recall@1": 0.5, "recall@5": 1.0}, "labels": {}},
    "auroc": 0.9,
    "unknown_accepted": {"1%": 0.25, "2%": 0.125},
    "outlines": {"photos": 2, "best": {"mean": 0.875, "median": 0.9}},
}
