"""A small catalog is filled, indexed and searched; the committed page is what the report writes."""

from pathlib import Path

import pytest

from loadtest.catalog_size import __main__ as catalog_size
from loadtest.catalog_size import report

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def test_every_step_goes_on_to_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_size, "SIZES", (400,))
    monkeypatch.setattr(report, "DOCS", tmp_path)
    monkeypatch.chdir(ROOT)  # from where the processes import the project
    for step in ("fill", "build", "search", "report"):
        assert catalog_size.main([step, "--work", str(tmp_path / "work")]) == 0
    page = (tmp_path / "catalog_size.md").read_text()
    flat, hnsw, pq = [line for line in page.splitlines() if line.startswith("| 400 |")][:3]
    assert flat.endswith("| 1.000 | 1.000 |")
    assert "HNSW32" in hnsw
    assert "IVF,PQ32: too few views, searched exactly" in pq
    assert (tmp_path / "catalog_size.png").stat().st_size > 10_000


def test_the_committed_page_is_what_the_report_writes() -> None:
    """But for the machine and the figures."""
    committed = (ROOT / "docs" / "catalog_size.md").read_text().splitlines()
    written = [line for line in report.page({}, (), ()).splitlines() if not line.startswith("Measured on")]
    assert [line for line in written if line not in committed] == []
