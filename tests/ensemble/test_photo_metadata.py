"""What is beside the picture of a photo cannot refuse it, and only its orientation counts."""

import io
import itertools
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from ensemble.errors import PhotoError
from ensemble.photo import decode
from tests.attacks.photos import png_chunk
from tests.heif_files import Item, coded, heif
from tests.photo_samples import in_segment, saved

PICTURE = np.random.default_rng(0).integers(0, 256, (2, 3, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
HEIGHT, WIDTH = PICTURE.shape[:2]
ORIENTATION = 274
TAGS = (256, 270, 271, 282, 283, 296, 305, 306, 34665, 34853, 40965)  # sizes, texts, resolutions, directories
TYPES = range(14)  # 0 is none; 6 and 8 to 10 are signed; 5 and 10 are fractions
COUNTS = (0, 1, 3, 70_000, 2**32 - 1)
VALUES = (bytes(4), b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\x08", b"\x08\0\0\0", b"\0\0\x7f\xff")
PNG, JPEG, WEBP = (saved(PICTURE, kind) for kind in ("PNG", "JPEG", "WEBP"))
CODED = {kind: coded(PICTURE, kind, quality=95) for kind in ("HEIF", "AVIF")}


def block(order: str, tag: int, kind: int, count: int, value: bytes) -> bytes:
    """EXIF data of two tags: a doubtful one, and an orientation of 6; what tags point to is after them."""
    entries = [
        struct.pack(f"{order}HHIHH", ORIENTATION, 3, 1, 6, 0),
        struct.pack(f"{order}HHI", tag, kind, count) + value,
    ]
    entries.sort(key=lambda entry: struct.unpack(f"{order}H", entry[:2]))
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IH", 8, 2) + b"".join(entries) + bytes(4) + bytes(24)


def in_webp(exif: bytes) -> bytes:
    size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size + WEBP[12:]
    chunks += b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def in_item(exif: bytes, kind: str) -> bytes:
    return heif([CODED[kind], Item(b"Exif", bytes(4) + exif, [], {b"cdsc": [1]})], kind)


HOLDERS: dict[str, tuple[Callable[[bytes], bytes], bool]] = {  # how a file holds EXIF data, whether they turn it
    "JPEG": (lambda exif: in_segment(JPEG, b"Exif\0\0" + exif), True),
    "JPEG without JFIF": (lambda exif: in_segment(JPEG[:2] + JPEG[20:], b"Exif\0\0" + exif), True),
    "PNG": (lambda exif: PNG[:33] + png_chunk(b"eXIf", exif) + PNG[33:], True),
    "WEBP": (in_webp, True),
    "HEIF": (lambda exif: in_item(exif, "HEIF"), False),
    "AVIF": (lambda exif: in_item(exif, "AVIF"), False),
}


@pytest.mark.slow
def test_no_exif_block_refuses_a_photo() -> None:
    """9,240 blocks with one tag of a wrong type, out of range or negative, one after the other in each kind of file."""
    blocks = list(itertools.product("<>", TAGS, TYPES, COUNTS, VALUES))
    assert len(blocks) == 9_240
    plain = {name: decode(make(b"")).canvas[:HEIGHT, :WIDTH] for name, (make, _) in HOLDERS.items()}
    for values, (name, (make, turns)) in zip(blocks, itertools.cycle(HOLDERS.items())):
        photo = decode(make(block(*values)))
        upright = np.rot90(plain[name], -1) if turns else plain[name]
        assert photo.extent.tolist() == list(upright.shape[:2]), (name, values)
        np.testing.assert_array_equal(photo.canvas[: upright.shape[0], : upright.shape[1]], upright)


@pytest.mark.parametrize("name", HOLDERS)
def test_no_mutated_exif_block_refuses_a_photo(name: str) -> None:
    rng = np.random.default_rng(5)
    make, _ = HOLDERS[name]
    for _ in range(300):
        mutant = bytearray(block("<", 306, 2, 20, b"\x26\0\0\0"))
        for place in rng.integers(0, len(mutant), int(rng.integers(1, 9))):
            mutant[place] = int(rng.integers(256))
        del mutant[int(rng.integers(len(mutant))) :]
        assert sorted(decode(make(bytes(mutant))).extent.tolist()) == [HEIGHT, WIDTH]


def test_tags_of_a_tiff_beside_its_picture_do_not_matter() -> None:
    for tag, kind, count in itertools.product((282, 296, 305, 306, 34665, 50000), range(14), (0, 1, 9, 2**32 - 1)):
        data = bytearray(saved(PICTURE, "TIFF", software="x" * 20))
        place = data.index(struct.pack("<HHI", 305, 2, 21))
        data[place : place + 8] = struct.pack("<HHI", tag, kind, count)
        photo = decode(bytes(data))
        np.testing.assert_array_equal(photo.canvas[:HEIGHT, :WIDTH], PICTURE)


@pytest.mark.parametrize(
    "chunk",
    [
        b"zTXt" + b"comment\0\0" + zlib.compress(bytes(3_000_000)),
        b"tEXt" + b"comment\0" + b"x" * 3_000_000,
        b"iCCP" + b"profile\0\0" + zlib.compress(bytes(3_000_000)),
        b"iCCP" + b"profile\0\0no profile",
        b"eXIf" + bytes(2_000_000),
        b"pHYs" + b"x",
        b"acTL" + b"\xff" * 8,
    ],
    ids=lambda chunk: f"{chunk[:4].decode()} of {len(chunk)} bytes",
)
def test_chunks_of_a_png_beside_its_picture_do_not_matter(chunk: bytes) -> None:
    photo = decode(PNG[:33] + png_chunk(chunk[:4], chunk[4:]) + PNG[33:])
    np.testing.assert_array_equal(photo.canvas[:HEIGHT, :WIDTH], PICTURE)


def test_a_chunk_beside_the_picture_may_be_damaged() -> None:
    chunk = bytearray(png_chunk(b"tEXt", b"comment\0x"))
    chunk[-1] ^= 1
    np.testing.assert_array_equal(decode(PNG[:33] + chunk + PNG[33:]).canvas[:HEIGHT, :WIDTH], PICTURE)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt"])
def test_exif_in_a_text_turns_a_png(kind: str) -> None:
    digits = (b"Exif\0\0" + block("<", 305, 2, 1, bytes(4))).hex()
    text = f"\nexif\n{len(digits) // 2:8d}\n{digits[:72]}\n{digits[72:]}\n".encode()
    content = b"Raw profile type exif\0" + (b"\0" + zlib.compress(text) if kind == "zTXt" else text)
    photo = decode(PNG[:33] + png_chunk(kind.encode(), content) + PNG[33:])
    np.testing.assert_array_equal(photo.canvas[:WIDTH, :HEIGHT], np.rot90(PICTURE, -1))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_may_lack_its_end_mark_and_nothing_else(progressive: bool) -> None:
    """One that is cut off further up is refused; that its last bits say nothing new may be."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 80, 3)).astype(np.uint8)
    data = saved(noise, "JPEG", quality=90, progressive=progressive)
    whole = decode(data).canvas
    for lacks in (1, 2):
        np.testing.assert_array_equal(decode(data[:-lacks]).canvas, whole)
    for lacks in range(12, len(data) // 2, 97):
        with pytest.raises(PhotoError, match="damaged or cut off"):
            decode(data[:-lacks])


def test_a_grey_tiff_of_twelve_bits_is_as_bright_as_it_was() -> None:
    ramp = np.linspace(0, 4095, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "TIFF")
    photo = decode(file.getvalue())
    np.testing.assert_allclose(photo.canvas[:HEIGHT, :WIDTH, 1], ramp / 4095 * 255, atol=1)
