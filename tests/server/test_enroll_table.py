"""The rows of a table are enrolled, exactly once each, though client and server are killed in the middle.

MINTMARK_ROWS sets how many there are.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ensemble import variables
from mintmark import Client
from mintmark._requests import fingerprint
from server.embedded import EmbeddedServer
from tests.server.catalog_server import FIELDS, catalog_server
from tests.server.conftest import ROOT
from tests.server.test_kill import kill

pytestmark = [pytest.mark.server, pytest.mark.slow]

ROWS = int(os.environ.get(variables.ROWS, "1500"))
KILLED = ROWS * 3 // 10  # rows of each run before a kill


def entry_of(number: int) -> str:
    """Every third row leaves the id to the client; of the others, two are photos of one entry."""
    return "" if number % 3 == 0 else f"coin-{number // 3}"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of as many photos."""
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, ["path", "entry", *FIELDS, "side"], delimiter=";")
        rows.writeheader()
        for number in range(ROWS):
            (tmp_path / f"{number}.jpg").write_text(f"photo {number}")
            said = {"path": f"{number}.jpg", "entry": entry_of(number), **FIELDS, "name": f"coin {number // 3}"}
            rows.writerow({**said, "side": "obverse"})
    return tmp_path / "labels.csv"


def enroll(server: EmbeddedServer, table: Path, *words: str) -> "subprocess.Popen[str]":
    """The command in a process of its own."""
    command = [sys.executable, "-m", "tests.server.table_client", "--url", server.url, "enroll", "--from", str(table)]
    return subprocess.Popen(
        [*command, "--jsonl", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def new_rows(process: "subprocess.Popen[str]", count: int) -> int:
    """Wait until as many rows were enrolled by this process; returns how many were there already."""
    assert process.stdout is not None
    outcomes: Counter[str] = Counter()
    while outcomes["new"] + outcomes["added"] < count:
        outcomes[json.loads(process.stdout.readline())["outcome"]] += 1
    assert set(outcomes) <= {"new", "added", "known"}
    return outcomes["known"]


def test_each_row_ends_up_once(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    server = catalog_server(folder)
    server.start()
    with enroll(server, table) as first:
        assert new_rows(first, KILLED) == 0
        first.send_signal(signal.SIGKILL)
    with enroll(server, table, "--resume") as second:
        assert new_rows(second, KILLED) >= KILLED
        kill(server)
        _, err = second.communicate()
    assert second.returncode == 1
    assert "is unavailable" in err and f"go on with: mintmark enroll --from {table} --resume" in err
    with catalog_server(folder) as server:
        with enroll(server, table, "--resume") as third:
            out, err = third.communicate()
        assert third.returncode == 0, err
        outcomes = Counter(json.loads(line)["outcome"] for line in out.splitlines())
        assert outcomes["known"] >= 2 * KILLED and outcomes["failed"] == 0 and sum(outcomes.values()) == ROWS
        with Client(server.url) as client:
            views = Counter((view.entry.id, view.photo) for view in client.export(pictures=False))
            entries = {entry.id for entry in client.entries()}
    photos = {number: fingerprint(f"photo {number}".encode()) for number in range(ROWS)}
    wanted = {(entry_of(number) or photo[:16], photo): 1 for number, photo in photos.items()}
    assert views == wanted and entries == {entry for entry, _ in wanted}
    assert not list(table.parent.glob("*.journal")) and not list(table.parent.glob("*.failed.csv"))
