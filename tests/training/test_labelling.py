"""Labelling: coins proposed, refined, reviewed and exported; and the comparison with the U-Net."""

import csv
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.photo_samples import SAMPLES
from training import mint
from training.labelling import compare
from training.labelling.__main__ import find_kept, main
from training.labelling.compare import Result, Truth
from training.labelling.fit import fit_ellipse
from training.labelling.propose import propose_circles, unique
from training.labelling.refine import refine_circle
from training.mint import Ellipse
from training.outlines import OutlineError, fill, overlap, read_photo, scale_ellipse

pytestmark = pytest.mark.slow

COINS = Path(__file__).parents[3] / "shared" / "coins"
SHOT = mint.Shot(480, 640, (0.25, 0.42), 25.0, spread=0.8)
DRAWN = (Ellipse(120, 130, 70, 64, 20), Ellipse(330, 120, 50, 48, 90), Ellipse(250, 260, 62, 50, 150))


def _rendered(seed: int) -> mint.Photo:
    rng = np.random.default_rng(seed)
    return mint.photograph([mint.strike(mint.make_design(seed), rng)], SHOT, rng)


def _drawn() -> np.ndarray:
    """Three plain coins with a ring inside each, on a noisy ground, [360, 420, 3] BGR."""
    rng = np.random.default_rng(0)
    large = np.full((1440, 1680, 3), (70, 90, 60), np.uint8)
    mask = np.zeros((1440, 1680), np.uint8)
    for share, tone in ((1.0, (150, 170, 190)), (0.6, (120, 140, 160))):
        mask[:] = 0
        for e in DRAWN:
            fill(mask, scale_ellipse(Ellipse(e.cx, e.cy, share * e.a, share * e.b, e.angle), 4))
        large[mask > 0] = tone
    picture = cv2.resize(large, (420, 360), interpolation=cv2.INTER_AREA)
    return np.clip(picture + rng.normal(0, 5, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "table").mkdir(parents=True)
    cv2.imwrite(str(folder / "table" / "three.png"), _drawn())
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_fit_is_exact_and_obeys_weights() -> None:
    truth = Ellipse(300, -40, 80, 50, 33)
    points = np.concatenate([truth.outline(40), np.random.default_rng(0).uniform(-200, 200, (40, 2))])
    fitted = fit_ellipse(points, np.repeat([1.0, 0.0], 40))
    assert fitted is not None
    assert vars(fitted) == pytest.approx(vars(truth), abs=1e-6)


def test_fit_of_too_few_points_or_a_line_is_none() -> None:
    assert fit_ellipse(np.zeros((5, 2)), np.ones(5)) is None
    line = np.stack([np.arange(20.0), 2 * np.arange(20.0)], 1)
    fitted = fit_ellipse(line, np.ones(20))
    assert fitted is None or fitted.b < 0.01 * fitted.a


def test_circles_that_resemble_an_earlier_one_are_left_out() -> None:
    circles = [(100.0, 100.0, 50.0), (104.0, 98.0, 53.0), (100.0, 100.0, 30.0), (200.0, 100.0, 50.0)]
    assert unique(circles, 0.2) == [circles[0], circles[2], circles[3]]


def test_every_drawn_coin_has_a_circle_and_an_ellipse() -> None:
    circles = propose_circles(_drawn())
    for e in DRAWN:
        assert min(math.hypot(x - e.cx, y - e.cy) + abs(r - e.a) for x, y, r in circles) < 0.45 * e.a
    found = find_kept(_drawn())
    assert len(found) == len(DRAWN)
    for e in DRAWN:
        assert max(overlap(e, one) for one in found) > 0.98


def test_refinement_forgives_a_circle_that_is_off() -> None:
    e = DRAWN[0]
    outline = refine_circle(_drawn(), (e.cx + 0.12 * e.a, e.cy - 0.1 * e.a, 0.9 * e.a))
    assert outline is not None
    assert overlap(outline.ellipse, e) > 0.98
    assert outline.quality > 0.95


def test_circle_on_bare_ground_is_rejected() -> None:
    assert refine_circle(_drawn(), (60.0, 300.0, 40.0)) is None


def test_nothing_on_a_plain_picture() -> None:
    assert find_kept(np.full((200, 300, 3), 128, np.uint8)) == []


def test_scale_leaves_the_outline_where_it_is() -> None:
    large = cv2.resize(_drawn(), None, fx=6, fy=6, interpolation=cv2.INTER_LINEAR)
    found = find_kept(large)
    for e in DRAWN:
        assert max(overlap(scale_ellipse(e, 6), one) for one in found) > 0.97


def test_rendered_coins_are_found() -> None:
    overlaps = []
    for seed in range(6):
        photo = _rendered(seed)
        found = find_kept(np.ascontiguousarray(photo.picture[..., ::-1]))
        overlaps.append(max((overlap(photo.ellipse, one) for one in found), default=0.0))
    assert np.median(overlaps) > 0.9
    assert np.mean(np.array(overlaps) > 0.8) >= 0.5


def test_from_photos_to_masks(photos: Path, tmp_path: Path) -> None:
    proposals, labels = tmp_path / "proposals.csv", tmp_path / "labels"
    assert main(["propose", str(photos), "--out", str(proposals)]) == 0
    rows = _rows(proposals)
    assert list(rows[0]) == ["path", "cx", "cy", "a", "b", "angle", "quality", "keep"]
    assert [row["keep"] for row in rows] == ["1", "1", "1"]
    assert main(["review", str(photos), str(proposals), "--out", str(tmp_path / "pages"), "--side", "300"]) == 0
    assert read_photo(tmp_path / "pages" / "page-001.png").shape[1] == 300

    lines = proposals.read_text().splitlines()
    proposals.write_text("\n".join([*lines[:-1], lines[-1][:-1] + "0"]) + "\n")  # what the person edits
    assert main(["export", str(photos), str(proposals), "--out", str(labels)]) == 0
    kept = _rows(labels / "ellipses.csv")
    assert list(kept[0]) == ["path", "cx", "cy", "a", "b", "angle", "quality"]
    assert len(kept) == 2
    mask = cv2.imread(str(labels / "masks" / "table" / "three.png.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == (360, 420)
    assert set(np.unique(mask)) == {0, 255}
    area = sum(math.pi * float(row["a"]) * float(row["b"]) for row in kept)
    assert (mask == 255).sum() == pytest.approx(area, rel=0.01)


def test_nothing_kept_is_status_1_and_no_mask(photos: Path, tmp_path: Path) -> None:
    proposals = tmp_path / "proposals.csv"
    proposals.write_text("path,cx,cy,a,b,angle,quality,keep\ntable/three.png,9,9,5,5,0,0.6,0\n")
    assert main(["export", str(photos), str(proposals), "--out", str(tmp_path / "labels")]) == 1
    assert not (tmp_path / "labels" / "masks").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("table/three.png,9,9,5,5,0,0.6,yes", "keep is 'yes'"),
        ("table/three.png,9,9,5,x,0,0.6,1", "proposals.csv:2"),
        ("table/three.png,9,9,5,0,0,0.6,1", "above 0"),
        ("table/none.png,9,9,5,5,0,0.6,1", "none.png"),
        ("../three.png,9,9,5,5,0,0.6,1", "inside"),
    ],
)
def test_wrong_tables_are_status_2(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, message: str
) -> None:
    proposals = tmp_path / "proposals.csv"
    proposals.write_text(f"path,cx,cy,a,b,angle,quality,keep\n{row}\n")
    assert main(["export", str(photos), str(proposals), "--out", str(tmp_path / "labels")]) == 2
    assert message in capsys.readouterr().err


def test_no_photos_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["propose", str(tmp_path), "--out", str(tmp_path / "proposals.csv")]) == 2
    assert "no photos" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["HEIF turned by its boxes", "AVIF turned, 6", "JPEG turned, 6", "GIF"])
def test_photos_are_read_as_the_server_reads_them(name: str, tmp_path: Path) -> None:
    sample, picture = SAMPLES[name], np.zeros((96, 144, 3), np.uint8)
    picture[20:60, 30:120] = (200, 120, 40)
    (tmp_path / "photo").write_bytes(sample.make(picture))
    seen = read_photo(tmp_path / "photo")[:, :, ::-1]
    assert seen.shape == picture.shape and np.abs(seen.astype(int) - picture).mean() < sample.coarse


def test_a_photo_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutlineError, match="not a photo that can be read"):
        read_photo(tmp_path / "missing.jpg")


def test_a_photo_that_cannot_be_decoded_ends_the_comparison_with_a_message(tmp_path: Path) -> None:
    """In a process of its own: torch's loading processes crash in one in which OpenVINO has run."""
    (tmp_path / "a.jpg").write_bytes(b"P5 2 2 255 \0\0\0\0")
    manifest, outlines = tmp_path / "manifest.csv", tmp_path / "ellipses.csv"
    manifest.write_text("path,role\na.jpg,query\n")
    outlines.write_text("path,cx,cy,a,b,angle\na.jpg,5,5,4,4,0\n")
    given = ["--manifest", str(manifest), "--outlines", str(outlines), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "training.labelling", "compare", str(tmp_path), *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"error: {tmp_path / 'a.jpg'} is not a photo that can be read" in done.stderr


def test_matches_count_each_coin_once_and_leave_doubtful_ones_out() -> None:
    truth = Truth("a.jpg", True, DRAWN[:2], DRAWN[2:])
    twice = Ellipse(DRAWN[0].cx + 1, DRAWN[0].cy, DRAWN[0].a, DRAWN[0].b, DRAWN[0].angle)
    assert compare.matches((DRAWN[0], twice, DRAWN[2]), truth) == (1, 2)


def test_comparison_table(photos: Path, tmp_path: Path) -> None:
    one = Truth("table/three.png", False, DRAWN[:1])
    many = Truth("table/three.png", True, DRAWN)
    results = [Result(one, (), DRAWN[0]), Result(many, DRAWN[:2], None)]
    table = compare.table(results)
    assert "| Hough, largest | 0 | 0.000 | 0.000 | 0.000 |" in table
    assert "| U-Net | 1 | 1.000 | 1.000 | 1.000 |" in table
    assert "| Hough | 1 of 1 | 0.667 (2 of 3) | 1.000 (2 of 2) |" in table
    compare.write_sheet(photos, results, tmp_path / "sheet.png", side=200, columns=2)
    assert read_photo(tmp_path / "sheet.png").shape[1] == 400


def test_truths_are_of_the_manifest_and_good(tmp_path: Path) -> None:
    manifest, outlines = tmp_path / "manifest.csv", tmp_path / "ellipses.csv"
    manifest.write_text("path,role\na.jpg,query\nb.jpg,scene\nc.jpg,query\n")
    outlines.write_text("path,cx,cy,a,b,angle,quality\na.jpg,5,5,4,3,0,1\nb.jpg,5,5,4,3,0,1\nb.jpg,9,9,4,3,0,0\n")
    first, second = compare.read_truths(manifest, outlines)
    assert (first.path, first.scene, len(first.outlines), len(first.doubtful)) == ("a.jpg", False, 1, 0)
    assert (second.path, second.scene, len(second.outlines), len(second.doubtful)) == ("b.jpg", True, 1, 1)


ROOT = Path(__file__).resolve().parents[2]
FIND = """
import sys
from pathlib import Path
from training.finder import CoinFinder
ellipse = CoinFinder().find(Path(sys.argv[1]).read_bytes())
print(ellipse.cx, ellipse.cy, ellipse.a, ellipse.b, ellipse.angle)
"""


def test_the_servers_graphs_find_what_is_drawn(tmp_path: Path) -> None:
    if not (ROOT / "model_repository" / "segmentation" / "1" / "model.onnx").is_file():
        pytest.skip("no weights: make models unpacks them")
    photo = _rendered(3)
    cv2.imwrite(str(tmp_path / "photo.png"), np.ascontiguousarray(photo.picture[..., ::-1]))
    # In a process of its own: OpenVINO's threads beside torch's have crashed the tests that came after.
    done = subprocess.run(
        [sys.executable, "-c", FIND, str(tmp_path / "photo.png")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert overlap(Ellipse(*map(float, done.stdout.split())), photo.ellipse) > 0.85


@pytest.mark.skipif(not (COINS / "ellipses.csv").is_file(), reason="no real photos in ../shared/coins")
def test_real_phone_photos() -> None:
    truths = compare.read_truths(COINS / "manifest.csv", COINS / "ellipses.csv")
    phone = [truth for truth in truths if not truth.scene][::30]
    results = [Result(truth, tuple(find_kept(read_photo(COINS / truth.path))), None) for truth in phone]
    assert np.median([result.overlaps[0] for result in results]) > 0.93
