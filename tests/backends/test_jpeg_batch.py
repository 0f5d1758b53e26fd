"""Photos decoded in a batch look like those decoded one by one, and a bad photo does not touch the others.

nvImageCodec runs here with its decoders for CPUs, and on the GPU if there is one.
"""

import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backends.cpu_decoder import Decoded, decode_each
from backends.decoders import decoder_for
from backends.jpeg_batch import JpegBatch, JpegBatchError
from ensemble.contract import CANVAS_SIZE
from ensemble.errors import PhotoError
from ensemble.limits import Limits
from ensemble.photo import Photo, decode
from tests import heif_files  # noqa: F401 (so that Pillow saves HEIF)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = sorted((ROOT.parent / "shared" / "coins" / "scenes").rglob("*.jpg"))[::8]
ORIENTATION = 0x0112  # EXIF tag
GREY_LEVELS = 2.5  # mean difference of a shrunk photo: the CPU's decoder lets JPEG's own transform do a part of it
NO_GPU = not Path("/dev/nvidiactl").exists()


@pytest.fixture(
    scope="module",
    params=[None, pytest.param(0, marks=pytest.mark.skipif(NO_GPU, reason="no CUDA device"))],
    ids=["codec on CPU", "codec on GPU"],
)
def device(request: pytest.FixtureRequest) -> int | None:
    return request.param


@pytest.fixture(scope="module")
def batch(device: int | None) -> JpegBatch:
    return JpegBatch(device)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Coarse coloured noise: no two corners alike, and none of it is lost by shrinking."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **{"quality": 95, **options} if file_format == "JPEG" else options)
    return file.getvalue()


def turned(image: Image.Image, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(image, exif=exif, **options)


def check_close(result: Decoded, data: bytes, mean: float, most: float) -> None:
    """Compare a result with the CPU's decoder."""
    expected = decode(data)
    assert isinstance(result, Photo)
    np.testing.assert_array_equal(result.extent, expected.extent)
    np.testing.assert_array_equal(result.scale, expected.scale)
    assert result.canvas.shape == (CANVAS_SIZE, CANVAS_SIZE, 3) and result.canvas.dtype == np.uint8
    height, width = expected.extent
    assert not result.canvas[height:].any() and not result.canvas[:, width:].any()
    difference = np.abs(result.canvas[:height, :width].astype(int) - expected.canvas[:height, :width])
    assert difference.mean() <= mean and np.percentile(difference, 99.9) <= most


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "baseline": encoded,
    "progressive": lambda image: encoded(image, progressive=True),
    "full colour": lambda image: encoded(image, subsampling="4:4:4"),
    "half colour": lambda image: encoded(image, subsampling="4:2:2"),
    "grey": lambda image: encoded(image.convert("L")),
    "restarts": lambda image: encoded(image, restart_marker_blocks=4),
    "trailing zeros": lambda image: encoded(image) + bytes(7),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(320, 200), (1800, 2400), (3001, 1999)])
def test_jpeg_of_every_kind(batch: JpegBatch, kind: str, size: tuple[int, int]) -> None:
    data = KINDS[kind](picture(*size))
    (result,) = batch.decode([data])
    check_close(result, data, mean=GREY_LEVELS, most=12)


@pytest.mark.parametrize("orientation", range(9))  # 0 is not defined, and means nothing
@pytest.mark.parametrize("size", [(300, 200), (2000, 1500), (1500, 2000)])
def test_upright_whatever_the_orientation(batch: JpegBatch, orientation: int, size: tuple[int, int]) -> None:
    data = turned(picture(*size), orientation)
    (result,) = batch.decode([data])
    check_close(result, data, mean=GREY_LEVELS, most=12)


def test_the_codec_does_the_decoding(batch: JpegBatch) -> None:
    """A large photo full of detail shows who decoded it: the CPU's decoder leaves part of the shrinking to JPEG."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (2400, 2400, 3)).astype(np.uint8))
    data = encoded(noise)
    (result,) = batch.decode([data])
    assert isinstance(result, Photo)
    assert not np.array_equal(result.canvas, decode(data).canvas)


OTHERS: dict[str, Callable[[Image.Image], bytes]] = {
    "PNG": lambda image: encoded(image, "PNG"),
    "16-bit PNG": lambda image: encoded(Image.fromarray(np.arange(60_000, dtype=np.uint16).reshape(200, 300)), "PNG"),
    "transparent": lambda image: encoded(Image.new("RGBA", image.size, (9, 8, 7, 100)), "PNG"),
    "WebP": lambda image: encoded(image, "WEBP"),
    "BMP": lambda image: encoded(image, "BMP"),
    "GIF": lambda image: encoded(image, "GIF"),
    "HEIF": lambda image: encoded(image, "HEIF"),
    "AVIF": lambda image: encoded(image, "AVIF"),
    "without its end": lambda image: encoded(image)[:-2],
    "TIFF": lambda image: encoded(image, "TIFF"),
    "CMYK": lambda image: encoded(image.convert("CMYK")),
    "RGB stored as such": lambda image: encoded(image, keep_rgb=True),
    "more behind its end": lambda image: encoded(image) + b"a film",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_photos_go_to_the_cpus_decoder(batch: JpegBatch, kind: str) -> None:
    data = OTHERS[kind](picture(1500, 1300))
    (result,) = batch.decode([data])
    check_close(result, data, mean=0, most=0)


def bad_photos() -> dict[str, bytes]:
    good = encoded(picture(640, 480), quality=90)
    document = io.BytesIO()
    picture(64, 64).save(document, "PDF")
    huge = bytearray(good)
    start = good.index(b"\xff\xc0") + 5
    huge[start : start + 4] = b"\xff\xdc\xff\xdc"  # 65500 x 65500
    return {
        "empty": b"",
        "noise": np.random.default_rng(1).bytes(5000),
        "header only": good[:300],
        "no end mark": good[:-2],
        "cut in half": good[: len(good) // 2],
        "cut in half, end mark": good[: len(good) // 2] + b"\xff\xd9",
        "no scan": good[: good.index(b"\xff\xda")] + b"\xff\xd9",
        "PDF": document.getvalue(),
        "too large": bytes(huge),
        "cut PNG": encoded(picture(640, 480), "PNG")[:-5000],
    }


def test_bad_photos_spoil_no_others(batch: JpegBatch) -> None:
    good = [encoded(picture(1500, 1100, seed)) for seed in range(4)]
    alone = [batch.decode([data])[0] for data in good]
    bad = bad_photos()
    mixed = [good[0], *bad.values(), *good[1:]]
    results = batch.decode(mixed)
    assert len(results) == len(mixed)
    for result, expected in zip((results[0], *results[-3:]), alone, strict=True):
        assert isinstance(result, Photo) and isinstance(expected, Photo)
        np.testing.assert_array_equal(result.canvas, expected.canvas)
    for name, result, one_by_one in zip(bad, results[1:-3], decode_each(list(bad.values())), strict=True):
        if isinstance(one_by_one, Exception):
            assert isinstance(result, PhotoError) and str(result) == str(one_by_one), name
        else:  # libjpeg fills up what an end mark hides; a decoder may also give up and leave the photo to libjpeg
            assert isinstance(result, Photo), name
    assert sum(isinstance(result, PhotoError) for result in results) >= 8


def test_too_many_pixels_are_refused_before_decoding(batch: JpegBatch) -> None:
    (result,) = batch.decode([bad_photos()["too large"]])
    assert isinstance(result, PhotoError) and "the limit is 64" in str(result)


def test_results_keep_the_order(batch: JpegBatch) -> None:
    sizes = [(100 + 10 * n, 300 - 10 * n) for n in range(20)]
    files = [encoded(picture(*size), "PNG" if n % 3 else "JPEG") for n, size in enumerate(sizes)]
    extents = [tuple(result.extent[::-1]) for result in batch.decode(files) if isinstance(result, Photo)]
    assert extents == sizes


def test_no_photos(batch: JpegBatch) -> None:
    assert batch.decode([]) == []


@pytest.mark.parametrize("most_pixels", [1, 100_000, 200_001])
def test_large_batches_are_decoded_in_turns(device: int | None, batch: JpegBatch, most_pixels: int) -> None:
    files = [encoded(picture(400, 250, seed)) for seed in range(5)]
    whole, turns = batch.decode(files), JpegBatch(device, most_pixels).decode(files)
    for one, other in zip(whole, turns, strict=True):
        assert isinstance(one, Photo) and isinstance(other, Photo)
        np.testing.assert_array_equal(one.canvas, other.canvas)


@pytest.mark.skipif(not PHOTOS, reason="the photos are not here")
def test_real_photos(batch: JpegBatch) -> None:
    files = [path.read_bytes() for path in PHOTOS]
    for data, result in zip(files, batch.decode(files), strict=True):
        check_close(result, data, mean=GREY_LEVELS, most=30)


def test_a_cpu_instance_decodes_one_by_one() -> None:
    decoder = decoder_for(None, Limits(photo_bytes=100))
    assert isinstance(decoder, partial) and decoder.func is decode_each
    [refused] = decoder([encoded(picture(40, 30))])
    assert isinstance(refused, PhotoError) and "the limit is 100" in str(refused)


@pytest.mark.skipif(not NO_GPU, reason="there is a CUDA device")
def test_without_a_gpu_the_decoder_says_so() -> None:
    with pytest.raises(JpegBatchError, match=r"nvImageCodec cannot decode on CUDA device 0; is it there\?"):
        decoder_for(0)


def test_without_nvimagecodec_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvidia", None)
    with pytest.raises(JpegBatchError, match=r"nvImageCodec is missing .*: install requirements/gpu\.txt"):
        decoder_for(0)
