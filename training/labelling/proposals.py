"""proposals.csv: what the steps of the labelling hand to each other, and a person edits."""

from dataclasses import dataclass
from pathlib import Path

from training.mint import Ellipse
from training.outlines import ELLIPSE_COLUMNS, OutlineError, parse_ellipse, read_table


@dataclass(frozen=True)
class Proposal:
    """One row of proposals.csv."""

    path: str  # of the photo, relative to the folder of all photos
    ellipse: Ellipse  # px of the photo
    quality: float  # share of the outline that has an edge, 0 … 1
    keep: bool  # what the person who reviews edits
    line: int = 0  # in the file, as editors count: the header is line 1


def read_proposals(path: Path) -> list[Proposal]:
    """All rows of proposals.csv; OutlineError if a number is none or `keep` is neither 0 nor 1."""
    proposals = []
    for line, row in read_table(path, (*ELLIPSE_COLUMNS, "quality", "keep")):
        if row["keep"].strip() not in ("0", "1"):
            raise OutlineError(f"{path}:{line}: keep is {row['keep']!r}; write 1 or 0")
        try:
            quality = float(row["quality"])
        except ValueError as error:
            raise OutlineError(f"{path}:{line}: {error}") from error
        kept = row["keep"].strip() == "1"
        proposals.append(Proposal(row["path"], parse_ellipse(path, line, row), quality, kept, line))
    return proposals
