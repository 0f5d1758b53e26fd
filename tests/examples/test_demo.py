"""`make demo` as a newcomer runs it: it recognizes the coin in the photo and writes the annotated picture."""

import csv
import os
import subprocess
from pathlib import Path

import cv2
import pytest

from examples.demo import ASKED, main
from tests.server.conftest import ROOT, SERVE_PYTHON

pytestmark = pytest.mark.server


def test_demo_recognizes_its_coin(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / SERVE_PYTHON), "-m", "examples.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "data" / "demo"
    with (folder / "collection" / "labels.csv").open(newline="") as file:
        name = next(row["name"] for row in csv.DictReader(file) if ASKED in row["path"])
    best = next(line for line in done.stdout.splitlines() if line.strip().startswith("1 "))
    assert name in best
    picture = cv2.imread(str(folder / "answer.png"))
    assert picture is not None and picture.std() > 0


def test_a_photo_that_is_not_there_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["coin.jpg"])
    assert ended.value.code == 2 and "there is no photo coin.jpg" in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "nothing was rendered or started"
