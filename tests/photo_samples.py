"""One picture in every format of photos that is read, and in everything that a format has: turned, transparent, deep.

docs/formats.md is held to it: nothing is said there of which there is no sample here.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.heif_files import box, coded, heif, tiled

Maker = Callable[[np.ndarray], bytes]
ORIENTATIONS = range(2, 9)
_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # what EXIF's orientation turns into the picture
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.transpose(1, 0, 2),
    6: lambda picture: np.rot90(picture, 1),
    7: lambda picture: np.rot90(picture, 2).transpose(1, 0, 2),
    8: lambda picture: np.rot90(picture, -1),
}
CLEAR = 0.25  # of both sides: the corner that is transparent in samples with alpha


@dataclass(frozen=True)
class Sample:
    """How a picture, [h, w, 3] uint8 RGB, becomes a file.

    Attributes:
        format: one of PHOTO_FORMATS.
        make: from the picture to the bytes of a file.
        turned: stored lying, and turned by its orientation.
        alpha: its top left corner is transparent.
        bits: of a value.
        coarse: mean difference in grey levels that the format makes.
    """

    format: str
    make: Maker
    turned: bool = False
    alpha: bool = False
    bits: int = 8
    coarse: float = 2.0


def saved(picture: np.ndarray, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, file_format, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def stored(picture: np.ndarray, orientation: int) -> np.ndarray:
    return np.ascontiguousarray(_STORED[orientation](picture))


def by_exif(picture: np.ndarray, file_format: str, orientation: int, **options: object) -> bytes:
    return saved(stored(picture, orientation), file_format, exif=exif(orientation), **options)


def with_alpha(picture: np.ndarray) -> np.ndarray:
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[: int(CLEAR * alpha.shape[0]), : int(CLEAR * alpha.shape[1])] = 0
    return np.dstack([picture, alpha])


def expected(picture: np.ndarray, sample: Sample) -> np.ndarray:
    """What a person sees of it."""
    if not sample.alpha:
        return picture
    rgba = with_alpha(picture)
    return np.where(rgba[:, :, 3:] == 0, np.uint8(255), picture)


def in_segment(data: bytes, payload: bytes, marker: int = 0xE1) -> bytes:
    """A JPEG with one more segment."""
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def by_xmp(picture: np.ndarray, orientation: int) -> bytes:
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="%d"/>' % orientation
    return in_segment(saved(stored(picture, orientation), "JPEG", quality=95), xmp)


def of_two_pictures(picture: np.ndarray) -> bytes:
    return saved(picture, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))], quality=95)


def with_gain_map(picture: np.ndarray) -> bytes:
    """Ultra HDR: what makes the picture brighter lies behind it, as a grey JPEG."""
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"><Item:Semantic>GainMap</Item:Semantic></x>'
    return in_segment(of_two_pictures(picture), xmp) + saved(picture[::4, ::4, 0], "JPEG")


def deep(picture: np.ndarray, suffix: str, bits: int, alpha: bool = False) -> bytes:
    """Of values of so many bits in 16."""
    values = with_alpha(picture) if alpha else picture
    values = values[:, :, [2, 1, 0, 3]] if alpha else values[:, :, ::-1]
    return cv2.imencode(suffix, (values.astype(np.float64) * ((2**bits - 1) / 255)).round().astype(np.uint16))[
        1
    ].tobytes()


def of_floats(picture: np.ndarray, compression: int) -> bytes:
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    return cv2.imencode(".tiff", picture[:, :, ::-1].astype(np.float32) / 255, options)[1].tobytes()


def bmp_with_empty_alpha(picture: np.ndarray) -> bytes:
    data = bytearray(saved(with_alpha(picture), "BMP"))
    data[data[10] + 256 * data[11] + 3 :: 4] = bytes(len(data[data[10] + 256 * data[11] + 3 :: 4]))
    return bytes(data)


def of_few_colours(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).quantize().save(file, "PNG")
    return file.getvalue()


def with_much_text(picture: np.ndarray) -> bytes:
    text = PngInfo()
    text.add_text("comment", "x" * 3_000_000, zip=True)
    return saved(picture, "PNG", pnginfo=text)


def heif_of(picture: np.ndarray, bits: int) -> bytes:
    values = (picture.astype(np.uint16) * 257).tobytes()
    coded_file = pillow_heif.from_bytes(mode="RGB;16", size=(picture.shape[1], picture.shape[0]), data=values)
    file = io.BytesIO()
    coded_file.save(file, quality=90, chroma=444, save_to_12bit=bits == 12)
    return file.getvalue()


def turned_by_boxes(picture: np.ndarray, file_format: str) -> bytes:
    """A grid that is mirrored and turned: in a HEIF in the order of its boxes, in an AVIF it is turned first."""
    mirror, turn = box(b"imir", b"\1"), box(b"irot", b"\1")
    if file_format == "HEIF":
        return tiled(stored(stored(picture, 8), 2), 128, mirror, turn)
    return tiled(stored(stored(picture, 2), 8), 128, turn, mirror, file_format="AVIF")


def exif_does_not_turn(picture: np.ndarray, file_format: str) -> bytes:
    """The orientation in EXIF data of a HEIF or AVIF informs, and does not count."""
    item = coded(picture, file_format, quality=90)
    note = type(item)(b"Exif", bytes(4) + exif(6), [], {b"cdsc": [1]})
    return heif([item, note], file_format)


def in_sequence(picture: np.ndarray) -> bytes:
    """A still picture beside a film."""
    return heif([coded(picture, quality=90)], brand=b"msf1", more=box(b"moov", bytes(80)))


def animated(picture: np.ndarray, file_format: str, **options: object) -> bytes:
    others = [Image.new("RGB", (picture.shape[1], picture.shape[0]), colour) for colour in ("red", "blue")]
    return saved(picture, file_format, save_all=True, append_images=others, **options)


def everywhere(file_format: str, **options: Any) -> dict[str, Sample]:
    """Each orientation by EXIF data."""
    return {
        f"{file_format} turned, {n}": Sample(
            file_format, partial(by_exif, file_format=file_format, orientation=n, **options), turned=True
        )
        for n in ORIENTATIONS
    }


def plain(file_format: str, **options: Any) -> Sample:
    return Sample(file_format, partial(saved, file_format=file_format, **options))


def transparent(file_format: str, coarse: float = 2.0, **options: object) -> Sample:
    return Sample(
        file_format, lambda picture: saved(with_alpha(picture), file_format, **options), alpha=True, coarse=coarse
    )


SAMPLES = {
    "JPEG": plain("JPEG", quality=95),
    "JPEG progressive": plain("JPEG", quality=95, progressive=True),
    "JPEG of CMYK": Sample("JPEG", lambda picture: saved_as(picture, "CMYK", "JPEG", quality=95)),
    "JPEG of two pictures": Sample("JPEG", of_two_pictures),
    "JPEG with a gain map": Sample("JPEG", with_gain_map),
    "JPEG without its end": Sample("JPEG", lambda picture: saved(picture, "JPEG", quality=95)[:-2]),
    "JPEG with a film": Sample("JPEG", lambda picture: saved(picture, "JPEG", quality=95) + b"\xff\xda\0\2" * 999),
    "JPEG turned by XMP": Sample("JPEG", partial(by_xmp, orientation=6), turned=True),
    **everywhere("JPEG", quality=95),
    "PNG": plain("PNG"),
    "PNG of 16 bits": Sample("PNG", partial(deep, suffix=".png", bits=16), bits=16),
    "PNG of 16 bits, transparent": Sample(
        "PNG", partial(deep, suffix=".png", bits=16, alpha=True), alpha=True, bits=16
    ),
    "PNG transparent": transparent("PNG"),
    "PNG of few colours": Sample("PNG", of_few_colours, coarse=8.0),
    "PNG with much text": Sample("PNG", with_much_text),
    "PNG with a large profile": plain("PNG", icc_profile=np.random.default_rng(0).bytes(2_000_000)),
    "PNG animated": Sample("PNG", partial(animated, file_format="PNG")),
    **everywhere("PNG"),
    "WEBP": plain("WEBP", quality=95),
    "WEBP lossless": plain("WEBP", lossless=True),
    "WEBP transparent": transparent("WEBP", lossless=True),
    **everywhere("WEBP", quality=95),
    "BMP": plain("BMP"),
    "BMP with alpha of 0": Sample("BMP", bmp_with_empty_alpha),
    "TIFF": plain("TIFF"),
    "TIFF of LZW": plain("TIFF", compression="tiff_lzw"),
    "TIFF of JPEG": plain("TIFF", compression="jpeg", quality=95),
    "TIFF of CMYK": Sample("TIFF", lambda picture: saved_as(picture, "CMYK", "TIFF")),
    "TIFF transparent": transparent("TIFF"),
    **{f"TIFF of {n} bits": Sample("TIFF", partial(deep, suffix=".tiff", bits=n), bits=n) for n in (10, 12, 14, 16)},
    "TIFF of floats": Sample("TIFF", partial(of_floats, compression=1), bits=32),
    "TIFF of logarithms": Sample("TIFF", partial(of_floats, compression=34676), bits=32, coarse=3.0),
    "TIFF of two": Sample("TIFF", partial(animated, file_format="TIFF")),
    **everywhere("TIFF"),
    "GIF": Sample("GIF", partial(saved, file_format="GIF"), coarse=8.0),
    "GIF transparent": transparent("GIF", coarse=8.0),
    "GIF animated": Sample("GIF", partial(animated, file_format="GIF"), coarse=8.0),
    "HEIF": plain("HEIF", quality=90),
    "HEIF of tiles": Sample("HEIF", partial(tiled, side=128)),
    "HEIF turned by its boxes": Sample("HEIF", partial(turned_by_boxes, file_format="HEIF"), turned=True),
    "HEIF with another orientation in EXIF": Sample("HEIF", partial(exif_does_not_turn, file_format="HEIF")),
    "HEIF transparent": transparent("HEIF", quality=95, coarse=3.0),
    **{f"HEIF of {n} bits": Sample("HEIF", partial(heif_of, bits=n), bits=n) for n in (10, 12)},
    **everywhere("HEIF", quality=90),
    "HEIF beside a film": Sample("HEIF", in_sequence),
    "AVIF": plain("AVIF", quality=90),
    "AVIF animated": Sample("AVIF", partial(animated, file_format="AVIF", quality=90)),
    "AVIF of tiles": Sample("AVIF", partial(tiled, side=128, file_format="AVIF")),
    "AVIF turned by its boxes": Sample("AVIF", partial(turned_by_boxes, file_format="AVIF"), turned=True),
    "AVIF with another orientation in EXIF": Sample("AVIF", partial(exif_does_not_turn, file_format="AVIF")),
    "AVIF transparent": transparent("AVIF", quality=95, coarse=3.0),
    **everywhere("AVIF", quality=90),
}


def saved_as(picture: np.ndarray, mode: str, file_format: str, **options: object) -> bytes:
    """In another of Pillow's modes."""
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, file_format, **options)
    return file.getvalue()
