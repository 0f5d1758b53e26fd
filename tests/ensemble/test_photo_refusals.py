"""A file that is not a usable photo is refused, quickly, with PhotoError and nothing else."""

import io
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ensemble.contract import PHOTO_FORMATS
from ensemble.errors import PhotoError
from ensemble.photo import decode
from tests import heif_files

pytestmark = pytest.mark.filterwarnings("ignore")  # PIL warns of oddities in damaged files; servers do not stop at that

MUTATIONS = 200
MOST_MEMORY = 40_000  # KiB that refusing a file may take
ROOT = Path(__file__).resolve().parents[2]
REFUSE = """
import resource, sys
from pathlib import Path
from ensemble.contract import PHOTO_FORMATS
from ensemble.errors import PhotoError
from ensemble.photo import decode

decode(Path(sys.argv[1]).read_bytes())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        decode(Path(path).read_bytes())
    except PhotoError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def photo_file(file_format: str, **options: object) -> bytes:
    y, x = np.mgrid[:48, :64]
    noise = np.random.default_rng(0).integers(0, 40, (48, 64, 3))
    picture = (np.stack([3 * x, 4 * y, x + y], axis=2) + noise).clip(0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    named = {} if file_format in ("BMP", "GIF") else {"exif": exif.tobytes()}
    Image.fromarray(picture).save(buffer, file_format, **named, **options)
    return buffer.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(data)
    message = str(caught.value)
    assert "photo" in message  # by which the client tells this refusal from others
    return message


def allows(data: bytes) -> bool:
    """Whether it decodes; a refusal must be a PhotoError, anything else fails the test."""
    try:
        photo = decode(data)
    except PhotoError as error:
        assert "photo" in str(error)
        return False
    assert (photo.extent >= 1).all() and photo.scale[0] >= 1
    return True


def png(width: int, height: int, data: bytes | None = None) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", data) if data is not None else b""
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def tiff(width: int, height: int) -> bytes:
    # width, height, bits, uncompressed, RGB, data at 8, 3 samples, rows per strip, bytes: tag, LONG, one, value
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 2), (273, 8), (277, 3), (278, height), (279, 100)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4)


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose frame header claims another size."""
    data = bytearray(photo_file("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


HEADERS = {"PNG": png, "BMP": bmp, "TIFF": tiff, "JPEG": jpeg}


def test_empty() -> None:
    assert "empty" in refusal(b"")


def test_zeros() -> None:
    assert "5000 bytes of zero: its transfer or its disk failed" in refusal(bytes(5_000))


@pytest.mark.parametrize("size", [1, 2, 3, 8, 12, 1000, 100_000])
@pytest.mark.parametrize("seed", range(3))
def test_random_bytes(size: int, seed: int) -> None:
    assert ", ".join(PHOTO_FORMATS) in refusal(np.random.default_rng(seed).bytes(size))


@pytest.mark.parametrize("text", ["a", "hello", "{}"])
def test_text(text: str) -> None:
    assert f"{len(text)} bytes" in refusal(text.encode())


def raw_tiff(tags: dict[int, int], make: bytes = b"") -> bytes:
    """A TIFF of these tags, as the first picture of a RAW file."""
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    entries += [struct.pack("<HHII", 271, 2, len(make), 8 + 2 + 12 * (len(tags) + 1) + 4)] if make else []
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(sorted(entries)) + bytes(4) + make


def film(brand: bytes, *others: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(others)) + b"ftyp" + brand + bytes(4) + b"".join(others) + bytes(200)


PAGE = b"<!-- saved -->\n<!DOCTYPE html>\n<html><body>404</body></html>"
OTHERS = {  # what people send, what the refusal calls it, what it tells them to do
    "PDF": (b"%PDF-1.7\n", "PDF photos", "send one of"),
    "SVG": (b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns=''/>", "SVG photos", "send one of"),
    "page": (PAGE, r"web pages \(HTML\)", "save the photo itself"),
    "page with a mark": (b"\xef\xbb\xbf\r\n<HTML>", r"web pages \(HTML\)", "save the photo itself"),
    "JPEG XL": (b"\xff\x0a\xfa", "JPEG XL photos", "export it as JPEG"),
    "JPEG XL in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL photos", "export it as JPEG"),
    "JPEG 2000": (b"\0\0\0\x0cjP  ", "JPEG 2000 photos", "send one of"),
    "Photoshop": (b"8BPS\0\1", "Photoshop photos", "send one of"),
    **{
        f"{name} sequence, {brand.decode()}": (
            film(brand, b"iso8")[:20] + heif_files.box(b"moov", bytes(80)),
            f"{name} sequences without a still photo",
            "one picture of it as JPEG",
        )
        for brand, name in ((b"hevc", "HEIF"), (b"msf1", "HEIF"), (b"avis", "AVIF"))
    },
    "CR3": (film(b"crx "), r"RAW photos \(Canon CR3\)", "the JPEG that the camera or phone keeps beside it"),
    "CR2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(50), r"RAW photos \(Canon CR2\)", "develop it"),
    "DNG": (raw_tiff({254: 1, 256: 160, 257: 120, 50706: 0x401}), r"RAW photos \(DNG\)", "develop it"),
    "NEF": (raw_tiff({254: 1, 256: 160, 330: 500}, b"NIKON CORPORATION\0"), r"RAW photos \(Nikon NEF\)", "develop it"),
    "ARW": (raw_tiff({254: 1, 256: 160, 330: 500}, b"SONY\0"), r"RAW photos \(Sony ARW\)", "develop it"),
    "sensor": (raw_tiff({256: 160, 262: 32803}), r"RAW photos \(of a camera\)", "develop it"),
    "RAF": (b"FUJIFILMCCD-RAW 0201", r"RAW photos \(Fujifilm RAF\)", "develop it"),
    "MP4": (film(b"isom", b"mp42"), r"videos \(MP4\)", "one picture of it as JPEG"),
    "MOV": (film(b"qt  "), r"videos \(MOV\)", "one picture of it as JPEG"),
    "old MOV": (b"\0\0\0\x08wide", r"videos \(MOV\)", "one picture of it as JPEG"),
    "AVI": (b"RIFF\0\0\0\0AVI LIST", r"videos \(AVI\)", "one picture of it as JPEG"),
    "WebM": (b"\x1a\x45\xdf\xa3", r"videos \(Matroska, WebM\)", "one picture of it as JPEG"),
    "ZIP": (b"PK\3\4", "ZIP archives", "the photos in it one by one"),
    "macOS": (b"\0\5\x16\7\0\2", "names that begin with", "send the photo itself"),
    "base64": (b"/9j/4AAQSkZJRg", "base64 text", "send the bytes of the file"),
    "data URL": (b"data:image/png;base64,iVBOR", "data URLs", "decode what follows the comma"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1", "Git LFS", "git lfs pull"),
    "BigTIFF": (b"II+\0\x08\0\0\0", "BigTIFF photos", "send a TIFF, JPEG or PNG"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_named(name: str) -> None:
    data, called, advice = OTHERS[name]
    assert re.search(f"{called}.* are not supported; .*{advice}", refusal(data))


def test_text_that_looks_like_a_page_for_long_is_refused_soon() -> None:
    """The patterns have one way to match: no text makes them try again and again."""
    for start in (b"<!--x-->", b"<?xml?>", b"<!doctype svg>", b"<!-- -- ", b" "):
        refusal(start * 500_000)


@pytest.mark.parametrize("file_format", PHOTO_FORMATS)
def test_cut_off_anywhere(file_format: str) -> None:
    data = photo_file(file_format)
    cuts = sorted({*range(1, 64), *np.linspace(64, len(data) - 1, 60).astype(int).tolist(), len(data) - 1})
    whole = [cut for cut in cuts if allows(data[:cut])]
    # A trailer may be missing (PNG's IEND, JPEG's EOI, a directory's padding), half of the picture may not.
    assert all(cut > len(data) * 0.9 for cut in whole), f"{file_format} decodes when cut at {whole} of {len(data)}"
    assert allows(data)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 30}])
def test_jpeg_cut_in_its_first_scan(options: dict[str, object]) -> None:
    data = photo_file("JPEG", **options)
    assert "damaged or cut off" in refusal(data[: data.index(b"\xff\xda") + 40])


@pytest.mark.parametrize(
    ("file_format", "width", "height"),
    [
        *((name, 9000, 7112) for name in HEADERS),  # 64.008 megapixels
        *((name, 65535, 65500) for name in HEADERS),
        ("PNG", 2**31 - 1, 2**31 - 1),
        ("BMP", 2**31 - 1, 2**31 - 1),
        ("TIFF", 2**32 - 1, 2**32 - 1),
        ("PNG", 1, 2**31 - 1),
        ("TIFF", 2**32 - 1, 1),
    ],
)
def test_too_many_pixels_are_refused_from_the_header(file_format: str, width: int, height: int) -> None:
    message = refusal(HEADERS[file_format](width, height))
    assert f"{width} x {height} pixels" in message and "the limit is 64" in message


def test_webp_claim_is_refused_from_the_header() -> None:
    frame = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", (16383 - 1) | (16383 - 1) << 14) + b"\0"
    assert "16383 x 16383 pixels" in refusal(b"RIFF" + struct.pack("<I", 4 + len(frame)) + b"WEBP" + frame)


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_the_limit_itself_is_allowed(file_format: str) -> None:
    message = refusal(HEADERS[file_format](8_000, 8_000))
    assert "limit" not in message  # it is refused for the pixels that it lacks


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 10), (10, 0)])
@pytest.mark.parametrize("file_format", HEADERS)
def test_zero_size(file_format: str, width: int, height: int) -> None:
    assert refusal(HEADERS[file_format](width, height))


def text_bomb() -> bytes:
    """A PNG whose comment unpacks to 200 MB."""
    body = b"comment\0\0" + zlib.compress(bytes(200_000_000), 1)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = png(4, 4, zlib.compress(bytes(4 * 13)))
    return data[:33] + chunk + data[33:]


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    bombs = [make(width, 60_000) for make in HEADERS.values() for width in (2_000, 60_000)]
    bombs += [png(4, 4, zlib.compress(bytes(200_000_000), 1)), text_bomb()]
    files = [tmp_path / str(number) for number in range(len(bombs) + 1)]
    for path, data in zip(files, [photo_file("PNG"), *bombs], strict=True):
        path.write_bytes(data)
    command = [sys.executable, "-c", REFUSE, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < MOST_MEMORY


def mutants(data: bytes, seed: int) -> Iterator[bytes]:
    """Copies with bytes overwritten, cut out or put in, more often near the start, where the structure is."""
    rng = np.random.default_rng(seed)
    for number in range(MUTATIONS):
        mutant = bytearray(data)
        for _ in range(int(rng.integers(1, 8))):
            place = int(rng.integers(len(mutant)) * (rng.random() if number % 2 else 1.0))
            match number % 5:
                case 0 | 1 | 2:
                    mutant[place] = int(rng.integers(256))
                case 3:
                    del mutant[place : place + int(rng.integers(1, 9))]
                case _:
                    mutant[place:place] = rng.bytes(int(rng.integers(1, 9)))
        yield reseal(bytes(mutant)) if mutant[:4] == b"\x89PNG" and number % 3 else bytes(mutant)


def reseal(data: bytes) -> bytes:
    """Right checksums for the chunks of a PNG, so that damage gets past them."""
    sealed, start = bytearray(data), 8
    while start + 12 <= len(sealed):
        stop = start + 8 + struct.unpack(">I", sealed[start : start + 4])[0]
        if stop + 4 > len(sealed):
            break
        sealed[stop : stop + 4] = struct.pack(">I", zlib.crc32(sealed[start + 4 : stop]))
        start = stop + 4
    return bytes(sealed)


@pytest.mark.parametrize("file_format", PHOTO_FORMATS)
def test_damaged_files_give_a_photo_or_a_photo_error(file_format: str) -> None:
    comment = PngInfo()  # a long one: a PNG's pixels have a checksum that no damage gets past
    comment.add_text("comment", "x" * 20_000)
    data = photo_file(file_format, **({"pnginfo": comment} if file_format == "PNG" else {}))
    decoded = sum(allows(mutant) for mutant in mutants(data, seed=3))
    assert 0 < decoded < MUTATIONS  # the damage is neither always fatal nor never


@pytest.mark.parametrize("options", [{"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_damaged_compressed_tiff(options: dict[str, object]) -> None:
    data = photo_file("TIFF", **options)
    decoded = sum(allows(mutant) for mutant in mutants(data, seed=4))
    assert decoded < MUTATIONS


def test_a_refusal_does_not_spoil_the_next_photo() -> None:
    good = photo_file("JPEG")
    before = decode(good).canvas
    refusal(good[: len(good) // 2])
    np.testing.assert_array_equal(decode(good).canvas, before)
