"""A process killed while it enrolls loses nothing that it acknowledged."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from catalog import Makers
from catalog.folder.check import problems
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from pathlib import Path
import numpy as np
from catalog import Enrolment, Entry, Makers, View
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE

makers = Makers("model")
catalog = FolderCatalog(Path(sys.argv[1]), makers)
rng = np.random.default_rng(int(sys.argv[2]))
while True:
    vector = rng.normal(size=EMBEDDING_SIZE).astype(np.float32)
    vector /= np.linalg.norm(vector)
    picture = rng.bytes(20_000)
    coin = Enrolment("obverse", Entry("coin", "KR", "KRW", "10"))
    print(catalog.enroll(coin, View(vector, makers, picture)), flush=True)
"""


def killed_writer(folder: Path, seed: int, after: int) -> list[str]:
    """Ids that a writer acknowledged until it was killed, at least `after` of them."""
    command = [sys.executable, "-c", WRITER, str(folder), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    return [line.strip() for line in acknowledged if line.endswith("\n")]


@pytest.mark.parametrize("kills", [(1, 17, 40)])
def test_killed_writers_lose_nothing(tmp_path: Path, kills: tuple[int, ...]) -> None:
    acknowledged: list[str] = []
    for seed, after in enumerate(kills):
        acknowledged += killed_writer(tmp_path, seed, after)
        connection = sqlite3.connect(tmp_path / "catalog.sqlite")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        assert problems(tmp_path) == []

        catalog = FolderCatalog(tmp_path, Makers("model"))
        present = [entry.id for entry in catalog.page("", 100_000).entries]
        assert set(acknowledged) <= set(present)
        # The last one before a kill may be stored and not yet acknowledged; nothing is half there.
        assert len(present) <= len(acknowledged) + seed + 1
        status = catalog.status()
        assert status.views == status.entries == status.sequence == len(present)
        (matches,) = catalog.search(np.eye(1, EMBEDDING_SIZE, dtype=np.float32), len(present))
        assert {match.entry.id for match in matches} == set(present)
        catalog.close()
    assert len(acknowledged) >= sum(kills)
