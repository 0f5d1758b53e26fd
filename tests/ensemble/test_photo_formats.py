"""Every format of photos gives the same picture, to the server and to the client, and docs/formats.md lists them."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ensemble.contract import PHOTO_SUFFIXES
from ensemble.photo import decode
from mintmark import MintmarkError
from mintmark._pictures.loading import load
from tests.photo_samples import SAMPLES, expected

ROOT = Path(__file__).resolve().parents[2]
CLOSE = 3.0  # mean difference in grey levels between what the server and the client decode


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A bright disc on waves, no two corners alike; its sides are no multiples of anything."""
    y, x = np.mgrid[:203, :317].astype(np.float32)
    waves = np.stack([60 + 0.3 * x, 80 + 50 * np.sin(y / 31), 60 + 0.2 * (x + y)], axis=2)
    waves[np.hypot(x - 200, y - 90) < 70] = (235, 255, 205)
    return waves.round().astype(np.uint8)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SAMPLES)
def test_the_server_sees_the_picture(name: str, picture: np.ndarray) -> None:
    sample = SAMPLES[name]
    photo = decode(sample.make(picture))
    height, width = photo.extent
    assert difference(photo.canvas[:height, :width], expected(picture, sample)) < sample.coarse


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SAMPLES)
def test_the_client_draws_what_the_server_saw(name: str, picture: np.ndarray, tmp_path: Path) -> None:
    """The disc, and so an outline, is at the same place."""
    data = SAMPLES[name].make(picture)
    path = tmp_path / "photo"
    path.write_bytes(data)
    photo = decode(data)
    height, width = photo.extent
    seen, drawn = photo.canvas[:height, :width], load(str(path))[:, :, ::-1]
    assert difference(seen, drawn) < CLOSE
    np.testing.assert_allclose(disc(seen), disc(drawn), atol=0.5)


def disc(picture: np.ndarray) -> list[float]:
    """Centre and area of the disc."""
    y, x = np.nonzero((picture[40:, 100:, 1] > 190) & (picture[40:, 100:, 0] > 200))
    return [float(x.mean()), float(y.mean()), len(x) / 1000]


def test_the_table_lists_what_is_tested() -> None:
    document = (ROOT / "docs" / "formats.md").read_text()
    rows = [
        (name, tuple(suffixes.split()), turned == "yes", alpha == "yes", {int(bits) for bits in deep.split(", ")})
        for name, suffixes, turned, alpha, deep in re.findall(
            r"^\| ([A-Z]+)[^|]* \| ([.a-z ]+) \| (yes|no) \| (yes|no) \| ([\d, ]+) \|", document, re.MULTILINE
        )
    ]
    tested = [
        (
            name,
            suffixes,
            any(one.turned for one in SAMPLES.values() if one.format == name),
            any(one.alpha for one in SAMPLES.values() if one.format == name),
            {one.bits for one in SAMPLES.values() if one.format == name},
        )
        for name, suffixes in PHOTO_SUFFIXES.items()
    ]
    assert rows == tested


WITHOUT = """
import sys
from pathlib import Path
sys.modules["PIL"] = sys.modules["pi_heif"] = None
from mintmark import MintmarkError
from mintmark._pictures.loading import load
for path in sys.argv[1:]:
    try:
        print(load(path).shape)
    except MintmarkError as error:
        print(error)
"""


def test_the_client_alone_reads_what_opencv_reads_and_names_what_it_needs(picture: np.ndarray, tmp_path: Path) -> None:
    names = ["JPEG turned, 6", "PNG transparent", "WEBP turned, 8", "BMP", "TIFF turned, 5", "HEIF", "AVIF", "GIF"]
    for name in names:
        (tmp_path / name).write_bytes(SAMPLES[name].make(picture))
    command = [sys.executable, "-c", WITHOUT, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, cwd=ROOT / "python_client" / "src", capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:5] == [str((*picture.shape[:2], 3))] * 5
    assert [line.partition(": ")[2] for line in lines[5:]] == [
        f"OpenCV does not read this {name}; pip install pillow pi-heif" for name in ("HEIF", "AVIF", "GIF")
    ]


def test_libraries_of_few_photos_are_imported_with_the_first_of_them(picture: np.ndarray) -> None:
    """Start-up and memory of a server that sees JPEGs alone stay what they are."""
    code = (
        "import sys; from ensemble.photo import decode; decode(sys.stdin.buffer.read());"
        "print([name for name in ('pi_heif', 'PIL.AvifImagePlugin') if name in sys.modules])"
    )
    for name, imported in (("JPEG", "[]"), ("PNG", "[]"), ("HEIF", "['pi_heif']")):
        data = SAMPLES[name].make(picture)
        done = subprocess.run([sys.executable, "-c", code], input=data, cwd=ROOT, capture_output=True, check=True)
        assert done.stdout.decode().strip() == imported


def test_the_client_says_what_it_cannot_open(tmp_path: Path) -> None:
    for data, message in ((b"%PDF-1.7", "PDF photos are not read"), (b"\xff\xd8\xff\xe0", "the JPEG is damaged")):
        (tmp_path / "photo").write_bytes(data)
        with pytest.raises(MintmarkError, match=message):
            load(str(tmp_path / "photo"))
