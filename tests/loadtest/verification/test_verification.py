"""A small catalog is filled and searched; the committed page is what the report writes."""

from pathlib import Path

import pytest

from loadtest.verification import __main__ as verification
from loadtest.verification import report

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def test_every_step_goes_on_to_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "SIZES", (2_000,))
    monkeypatch.setattr(report, "DOCS", tmp_path)
    monkeypatch.chdir(ROOT)  # from where the processes import the project
    for step in ("fill", "search", "report"):
        assert verification.main([step, "--work", str(tmp_path / "work")]) == 0
    (line,) = [one for one in (tmp_path / "verification.md").read_text().splitlines() if one.startswith("| 2,000 |")]
    cells = [float(cell.replace(",", "")) for cell in line.strip("| ").split("|")]
    assert len(cells) == len(report.COLUMNS) and all(cell > 0 for cell in (cells[1], cells[2], *cells[5:]))
    assert cells[6] < cells[7] < cells[8]


def test_the_committed_page_is_what_the_report_writes() -> None:
    """But for the machine and the figures."""
    committed = (ROOT / "docs" / "verification.md").read_text().splitlines()
    written = [line for line in report.page({}, ()).splitlines() if not line.startswith("Measured on")]
    assert [line for line in written if line not in committed] == []
