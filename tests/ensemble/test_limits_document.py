"""docs/security.md has every limit, with its default and its description."""

from dataclasses import fields
from pathlib import Path

from ensemble.limits import Limits

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()


def test_the_table_has_every_limit() -> None:
    limits = DOCUMENT.partition("\n## Limits\n")[2]
    rows = [line for line in limits.splitlines() if line.startswith("| `")]
    said = [f"| `{one.name}` | {one.default:,} | {one.metadata['doc']} |" for one in fields(Limits)]
    assert rows[: len(said)] == said
