"""A photo that is dear to decode is refused by its header, and ordinary photos pass."""

import io
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble.errors import PhotoError
from ensemble.limits import Limits
from ensemble.photo import decode
from ensemble.photo.header import check_header
from tests.attacks.heif import AV1, HEVC, single
from tests.attacks.photos import HARMLESS, HOSTILE, jpeg_of_many_scans, saved
from tests.heif_files import Item, ispe

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 256_000_000  # bytes of address space that refusing may take, on top of what the process has
REFUSE = """
import resource, sys
from ensemble.errors import PhotoError
from ensemble.photo import decode
from ensemble.photo.header import check_header
from tests.attacks.heif import AV1, HEVC, single
from tests.attacks.photos import HARMLESS, HOSTILE, saved

for kind in ("HEIF", "AVIF", "GIF"):
    decode(saved(64, 48, kind))  # imports its library
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
for name, (photo, _) in HOSTILE.items():
    try:
        decode(photo)
    except PhotoError as error:
        print(name, "|", error)
for name, photo in HARMLESS.items():
    decode(photo)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_photo_is_refused(name: str) -> None:
    photo, message = HOSTILE[name]
    with pytest.raises(PhotoError, match=message):
        decode(photo)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_beside_the_picture_does_not_matter(name: str) -> None:
    assert decode(HARMLESS[name]).extent.min() >= 4


def test_refusing_takes_little_memory_and_work() -> None:
    """A process with limits does it: the system ends one that takes more."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSE, str(MEMORY)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = dict(line.split(" | ") for line in done.stdout.splitlines())
    assert lines.keys() == HOSTILE.keys()
    for name, (_, message) in HOSTILE.items():
        assert re.search(message, lines[name])


@pytest.mark.parametrize(
    ("limits", "photo", "message"),
    [
        (Limits(photo_bytes=100), saved(64, 48, "PNG"), "bytes; the limit is 100"),
        (Limits(side=60), saved(64, 48, "PNG"), "64 x 48 pixels; the limit of a side is 60"),
        (Limits(side=60), saved(64, 48, "WEBP"), "the limit of a side is 60"),
        (Limits(side=60), saved(64, 48, "TIFF"), "the limit of a side is 60"),
        (Limits(side=60), saved(64, 48, "BMP"), "the limit of a side is 60"),
        (Limits(memory=10_000), saved(64, 48, "PNG"), "takes 0 MB; the limit is 0"),
        (Limits(scans=9), saved(64, 48, "JPEG", progressive=True), "more than 9 scans"),
    ],
)
def test_limits_can_be_set(limits: Limits, photo: bytes, message: str) -> None:
    decode(photo)
    with pytest.raises(PhotoError, match=message):
        decode(photo, limits)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (4000, 3000)])
def test_ordinary_jpegs_pass(size: tuple[int, int], progressive: bool) -> None:
    decode(saved(*size, "JPEG", progressive=progressive))
    decode(jpeg_of_many_scans(20, 64, 64))


def test_a_film_behind_a_photo_is_not_counted() -> None:
    """Phones append films, in which the bytes of a scan's mark occur by chance."""
    decode(saved(64, 48, "JPEG") + b"\xff\xda\x00\x02" * 10_000)


def test_a_progressive_jpeg_counts_its_coefficients() -> None:
    photo = saved(4000, 3000, "JPEG", progressive=True)
    with pytest.raises(PhotoError, match="decoding the photo takes"):
        decode(photo, Limits(memory=70_000_000))
    decode(saved(4000, 3000, "JPEG"), Limits(memory=70_000_000))  # it is decoded at a smaller size


@pytest.mark.parametrize("mode", ["RGBA", "LA", "CMYK", "I;16", "F", "1", "P"])
def test_the_estimate_of_memory_covers_every_mode(mode: str) -> None:
    """64 megapixels of the dearest mode need 22 bytes each; see the table in ensemble/photo.py."""
    file = io.BytesIO()
    Image.new(mode, (100, 100)).save(file, "TIFF")
    decode(file.getvalue(), Limits(memory=22 * 10_000 + 100 * 100 * 4))


@pytest.mark.parametrize(("kind", "item"), [("HEIF", HEVC), ("AVIF", AV1)])
def test_a_heif_of_64_megapixels_is_within_the_limits(kind: str, item: Item) -> None:
    """Its header is; its data are those of a smaller picture."""
    large = single(item, kind, properties=[item.properties[0], ispe(8_000, 8_000)])
    assert check_header(large, kind, Limits()) < 400e6
    with pytest.raises(PhotoError, match="decoding the photo takes 358 MB; the limit is 300"):
        check_header(large, kind, Limits(memory=300_000_000))


def test_orientation_from_xmp_alone() -> None:
    wide = saved(64, 48, "JPEG")
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + b'<x tiff:Orientation="6"/>'
    turned = wide[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + wide[2:]
    assert decode(turned).extent.tolist() == [64, 48]


@pytest.mark.filterwarnings("ignore")  # Pillow warns of them
@pytest.mark.parametrize("exif", [b"", b"II*\0", b"MM\0*\0\0\0\x08\0\x01", b"II*\0\xff\xff\xff\xff", bytes(200)])
def test_damaged_exif_is_passed_by(exif: bytes) -> None:
    wide = saved(64, 48, "JPEG")
    payload = b"Exif\0\0" + exif
    damaged = wide[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + wide[2:]
    np.testing.assert_array_equal(decode(damaged).canvas, decode(wide).canvas)


def test_settings() -> None:
    assert Limits.of({}) == Limits()
    assert Limits.of({"MINTMARK_LIMITS": "photo_bytes=5000 scans=7"}) == Limits(photo_bytes=5000, scans=7)


@pytest.mark.parametrize(
    "text", ["photo_bytes", "photo_bytes=0", "photo_bytes=x", "photos=3", "side=-1", "side=9999999999"]
)
def test_settings_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"MINTMARK_LIMITS has {text!r}; it must be NAME=NUMBER")):
        Limits.of({"MINTMARK_LIMITS": text})
