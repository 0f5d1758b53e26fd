"""`mintmark calibrate`, and its plot."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from mintmark._calibration import calibrate
from mintmark._pictures.scores import draw_scores
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import Capture, Run

PhotoRow = tuple[str, str, str, str, float | None]  # path, label, role, set, score


@pytest.fixture
def manifest(server: FakeCoinServer, tmp_path: Path) -> Path:
    """100 photos of unknown coins that score 0.00 to 0.99, and four known ones; the catalog has one entry."""
    server.add("coin", (1, 0))
    rows: list[PhotoRow] = [
        ("a.jpg", "a", "query", "one", 0.995),
        ("b.jpg", "a", "query", "one", 0.97),
        ("c.jpg", "a", "query", "two", 0.985),
        ("d.jpg", "a", "query", "two", None),
        ("x.jpg", "a", "catalog", "one", 1),
    ]
    rows += [(f"u{n}.jpg", "u", "unknown", "one", n / 100) for n in range(100)]
    for name, *_, score in rows:
        (tmp_path / name).write_bytes(name.encode())
        server.photos[name.encode()] = None if score is None else Coin((score, math.sqrt(1 - score**2)))
    path = tmp_path / "m.csv"
    path.write_text("path,label,role,set\n" + "".join(f"{','.join(row[:4])}\n" for row in rows))
    return path


def test_calibrate(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """It compares the photos with the server's own catalog, and sets the threshold."""
    assert run("calibrate", manifest) == 0
    lines = capsys.readouterr().out.splitlines()
    assert server.catalog.threshold == pytest.approx(0.98) and server.catalog.calibrated
    assert lines[0].split() == ["threshold", "0.9800", "before:", "0.5000"]
    assert lines[1].startswith("unknown    1 of 100 accepted") and "1.00%, at most 4.66%" in lines[1]
    assert lines[2].startswith("known      2 of 4 accepted") and lines[2].endswith("50.00%")
    assert lines[3].startswith("no coin    0 unknown, 1 known")
    assert lines[4:] == ["set on the server"]
    asked = [parameters for model, parameters in server.calls if model == "coin_search"]
    assert asked == [{"k": 1}] * 104


def test_dry_run_and_json(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """A dry run sets nothing. --json prints an object."""
    assert run("calibrate", manifest, "--dry-run", "--json", "--false-accept-rate", 0.1, "--set", "one") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["unknown_accepted"], answer["known_accepted"], answer["known"]) == (10, 2, 2)
    assert answer["threshold"] == pytest.approx(0.89) and answer["threshold"] > 0.89
    assert (answer["set"], answer["before"], answer["enough"]) == (False, 0.5, True)
    assert not server.catalog.calibrated


def test_too_few_unknown_photos(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """It says so, and how many are needed."""
    assert run("calibrate", manifest, "--false-accept-rate", 0.001) == 0
    out = capsys.readouterr().out
    assert "too few unknown photos: a rate of 0.001 takes at least 1000, these are 100" in out
    assert "0 of 100 accepted" in out and "at most 2.95%" in out
    assert server.catalog.threshold == pytest.approx(0.99)


def test_refused_photos(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """A refused unknown photo is left out, a refused known one is not accepted. Both are named."""
    del server.photos[b"u99.jpg"], server.photos[b"a.jpg"]
    assert run("calibrate", manifest) == 0
    out, err = capsys.readouterr()
    assert "0 of 99 accepted" in out and "1 of 4 accepted" in out
    assert "mintmark: u99.jpg: photo is not an image" in err and "mintmark: a.jpg: photo is not an image" in err


def test_plot(run: Run, manifest: Path, tmp_path: Path) -> None:
    """It draws both distributions and the threshold."""
    assert run("calibrate", manifest, "--plot", tmp_path / "plot.png", "--dry-run") == 0
    plot = cv2.imread(str(tmp_path / "plot.png"))
    assert plot is not None and len(np.unique(plot.reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize(
    ("known", "unknown"), [([], [-1.0]), ([-1.0], [-1.0, -0.9]), ([1.0], [0.999]), ([0.9] * 50, [0.1])]
)
def test_plot_of_little(known: list[float], unknown: list[float]) -> None:
    """It draws any number of scores, also none."""
    plot = draw_scores(known, unknown, calibrate(known, unknown, 0.01))
    assert plot.dtype == np.uint8 and (plot < 100).any()


def test_stale_views_are_mentioned(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """They are not searched, so they are reported."""
    server.add("other", (0, 1))
    server.catalog.views[1].embeddings.clear()
    assert run("calibrate", manifest) == 0
    assert "1 stale view not searched" in capsys.readouterr().err


def test_missing_relief_maps_are_mentioned(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """Scores change when they are made."""
    server.catalog.views[0].mapped = False
    assert run("calibrate", manifest) == 0
    assert "1 view without a relief map: scores change" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,role\na.jpg,a,query\n", "names no photos of the role unknown"),
        ("path,label,role\nnowhere.jpg,a,unknown\n", "1 of 1 photos are not under"),
    ],
)
def test_bad_manifest(
    run: Run, server: FakeCoinServer, manifest: Path, text: str, message: str, capsys: Capture
) -> None:
    """One line says what is wrong, and nothing is set."""
    manifest.write_text(text)
    assert run("calibrate", manifest) == 1
    assert message in capsys.readouterr().err
    assert not server.catalog.calibrated


def test_empty_catalog(run: Run, server: FakeCoinServer, manifest: Path, capsys: Capture) -> None:
    """It is refused: there is nothing to compare with."""
    server.catalog.views.clear()
    assert run("calibrate", manifest) == 1
    assert "has no views to compare with" in capsys.readouterr().err
