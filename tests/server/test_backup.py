"""A catalog is backed up and restored beneath a running server, whose next search answers from it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from catalog.folder.check import problems
from tests.server.catalog_server import FIELDS, CatalogClient, catalog_server, unit
from tests.server.conftest import ROOT

pytestmark = pytest.mark.server


def catalog_command(*arguments: object) -> str:
    """Run `python -m catalog`; returns what it says."""
    command = [sys.executable, "-m", "catalog", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_beneath_a_running_server(tmp_path: Path) -> None:
    folder, file, rng = tmp_path / "catalog", tmp_path / "backup.sqlite", np.random.default_rng(0)
    rows = [unit(rng) for _ in range(6)]
    with catalog_server(folder) as server:
        client = CatalogClient(server.url)
        for number, row in enumerate(rows[:4]):
            client.enroll(row, **FIELDS, entry=f"coin-{number}")
        client.ask("calibrate", threshold=0.9)
        assert "4 entries, 4 views, a calibrated threshold" in catalog_command("backup", folder, file)

        # As many changes again, with other coins under the same numbers.
        for number in (1, 2):
            client.ask("remove", id=f"coin-{number}")
        client.ask("calibrate", threshold=0.8)
        for number, row in enumerate(rows[4:], 4):
            client.enroll(row, **FIELDS, entry=f"coin-{number}")
        assert client.search(rows[5]) == ["coin-5"] and client.search(rows[1]) != ["coin-1"]

        assert "4 entries, 4 views, a calibrated threshold" in catalog_command("restore", file, folder)
        for number, row in enumerate(rows[:4]):
            ((found, correlation),) = client.verified(row)
            assert found == f"coin-{number}" and correlation > 0.99
        assert sorted(client.search(rows[5], k=9)) == [f"coin-{number}" for number in range(4)]
        assert client.ask("status")["threshold"] == 0.9

        client.enroll(rows[4], **FIELDS, entry="new")
        assert client.verified(rows[4])[0] == ("new", pytest.approx(1, abs=0.01))
        (kept,) = folder.glob("before-restore-*.sqlite")
        catalog_command("restore", kept, folder)
        assert client.search(rows[5]) == ["coin-5"] and len(client.search(rows[0], k=9)) == 4
        client.close()
    assert problems(folder) == []
