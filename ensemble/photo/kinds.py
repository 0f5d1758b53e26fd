"""What a file is, by how it begins: a format of photos that is read, or what else, and what its sender can do."""

import re
from dataclasses import dataclass

from ensemble.photo import parts

_EXPORT = "export it as JPEG"
_OTHER_FORMAT = "send one of {formats}"
_CAMERA = "develop it, or send the JPEG that the camera or phone keeps beside it"
_BYTES = "send the bytes of the file; over HTTP: curl --data-binary, with the header Inference-Header-Content-Length: 0"
_FRAME = "send a photo, or one picture of it as JPEG"
_STARTS = (  # how files begin, what they are, what to do; the first that fits counts
    (b"\xff\x0a", "JPEG XL photos", _EXPORT),
    (b"\0\0\0\x0cJXL ", "JPEG XL photos", _EXPORT),
    (b"\0\0\0\x0cjP", "JPEG 2000 photos", _OTHER_FORMAT),
    (b"\xff\x4f\xff\x51", "JPEG 2000 photos", _OTHER_FORMAT),
    (b"8BPS", "Photoshop photos", _OTHER_FORMAT),
    (b"gimp xcf", "GIMP photos", _OTHER_FORMAT),
    (b"\0\0\1\0", "icons instead of photos", _OTHER_FORMAT),
    (b"%PDF", "PDF photos", _OTHER_FORMAT),
    (b"%!PS", "PostScript photos", _OTHER_FORMAT),
    (b"\xc5\xd0\xd3\xc6", "PostScript photos", _OTHER_FORMAT),
    (b"FUJIFILMCCD-RAW", "RAW photos (Fujifilm RAF)", _CAMERA),
    (b"IIU\0", "RAW photos (Panasonic RW2)", _CAMERA),
    (b"IIRO", "RAW photos (Olympus ORF)", _CAMERA),
    (b"IIRS", "RAW photos (Olympus ORF)", _CAMERA),
    (b"MMOR", "RAW photos (Olympus ORF)", _CAMERA),
    (b"FOVb", "RAW photos (Sigma X3F)", _CAMERA),
    (b"\0MRM", "RAW photos (Minolta MRW)", _CAMERA),
    (b"II\x1a\0\0\0HEAPCCDR", "RAW photos (Canon CRW)", _CAMERA),
    *((start, "BigTIFF photos", "send a TIFF, JPEG or PNG") for start in (b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")),
    (b"\x1a\x45\xdf\xa3", "videos (Matroska, WebM) instead of photos", _FRAME),
    (b"\0\0\1\xba", "videos (MPEG) instead of photos", _FRAME),
    (b"FLV\1", "videos (Flash) instead of photos", _FRAME),
    (b"PK\3\4", "ZIP archives instead of photos", "unpack it, and send the photos in it one by one"),
    (b"Rar!", "RAR archives instead of photos", "unpack it, and send the photos in it one by one"),
    (b"7z\xbc\xaf", "7z archives instead of photos", "unpack it, and send the photos in it one by one"),
    (b"\x1f\x8b", "gzip archives instead of photos", "unpack it"),
    (b"\0\5\x16\7", "files that macOS keeps beside photos (names that begin with ._)", "send the photo itself"),
    *((start, "photos as base64 text", _BYTES) for start in (b"/9j/", b"iVBORw0KGgo", b"UklGR", b"AAAA")),
    (b"data:image/", "photos as data URLs", "decode what follows the comma to the bytes of the file"),
    (b"version https://git-lfs", "files of Git LFS that stand for photos", "fetch the photo itself (git lfs pull)"),
)
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_AVIF = (b"avif", b"avis")
_BOTH = (b"mif1", b"mif2", b"miaf", b"msf1")
_FILM_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # with which old films begin
_BEFORE = rb"\s*(?:<!--(?:(?!-->).)*-->\s*|<\?xml(?:(?!\?>).)*\?>\s*|<!doctype\s+svg[^>]*>\s*)*"  # has one way to match
_WEB_PAGE = re.compile(_BEFORE + rb"<(?:!doctype\s+html|html|head|body|script)", re.I | re.S)
_SVG = re.compile(_BEFORE + rb"<(?:\w+:)?svg", re.I | re.S)
_UTF8_MARK = b"\xef\xbb\xbf"
_LOOK = 4096  # bytes
_DNG_VERSION, _SUBFILE, _SUBDIRECTORIES, _PHOTOMETRIC, _MAKE = 50706, 254, 330, 262, 271
_SENSOR = (32803, 34892)  # values of a sensor, before or after their colours are put together
_RAW_OF_MAKE = {b"nikon": "Nikon NEF", b"sony": "Sony ARW", b"pentax": "Pentax PEF", b"samsung": "Samsung SRW"}


@dataclass(frozen=True)
class Kind:
    """What a file is.

    Attributes:
        name: one of PHOTO_FORMATS; or what it is, in the plural; or "" where nobody knows.
        read: whether it is a format that is read.
        advice: what its sender can do where it is not read; {formats} stands for those that are.
    """

    name: str
    read: bool = False
    advice: str = _OTHER_FORMAT


def kind_of(encoded: bytes) -> Kind:
    """What a file is. A name does not say that the file is whole, or safe to decode."""
    if encoded.startswith(parts.JPEG):
        return Kind("JPEG", read=True)
    if encoded.startswith(parts.PNG):
        return Kind("PNG", read=True)
    if encoded.startswith((b"GIF87a", b"GIF89a")):
        return Kind("GIF", read=True)
    if encoded.startswith(b"BM"):
        return Kind("BMP", read=True)
    if encoded[:4] == b"RIFF":
        return _of_riff(encoded)
    if encoded.startswith(parts.TIFF):
        return _of_tiff(encoded)
    if encoded[4:8] == b"ftyp":
        return _of_brands(encoded)
    if encoded[4:8] in _FILM_BOXES:
        return Kind("videos (MOV) instead of photos", advice=_FRAME)
    return _of_text(encoded) or next(
        (Kind(name, advice=advice) for start, name, advice in _STARTS if encoded.startswith(start)), Kind("")
    )


def _of_riff(encoded: bytes) -> Kind:
    if encoded[8:12] == b"WEBP":
        return Kind("WEBP", read=True)
    return Kind("videos (AVI) instead of photos", advice=_FRAME) if encoded[8:11] == b"AVI" else Kind("")


def _of_tiff(encoded: bytes) -> Kind:
    """TIFF, or one of the RAW formats that begin like it, with a small picture that is not the photo."""
    if encoded[8:10] == b"CR":
        return Kind("RAW photos (Canon CR2)", advice=_CAMERA)
    tags = {tag.number: tag for tag in parts.tags(encoded)}
    if _DNG_VERSION in tags:
        return Kind("RAW photos (DNG)", advice=_CAMERA)
    colours, subfile = (
        (parts.whole_numbers(encoded, tags[number], 1) or (0,))[0] if number in tags else 0
        for number in (_PHOTOMETRIC, _SUBFILE)
    )
    make = tags.get(_MAKE)
    maker = encoded[make.place : make.place + min(make.length, 16)].lower() if make else b""
    if colours in _SENSOR or (maker and _SUBDIRECTORIES in tags and subfile & 1):
        name = next((name for start, name in _RAW_OF_MAKE.items() if maker.startswith(start)), "of a camera")
        return Kind(f"RAW photos ({name})", advice=_CAMERA)
    return Kind("TIFF", read=True)


def _of_brands(encoded: bytes) -> Kind:
    """HEIF, AVIF or a film, by the brands of its first box."""
    stop = min(max(int.from_bytes(encoded[:4], "big"), 16), _LOOK)
    major, others = encoded[8:12], {encoded[at : at + 4] for at in range(16, stop - 3, 4)}
    if major in _AVIF or (major in _BOTH and others & set(_AVIF)):
        return Kind("AVIF", read=True)
    if major in (*_HEIF, *_BOTH):
        return Kind("HEIF", read=True)
    if major == b"crx ":
        return Kind("RAW photos (Canon CR3)", advice=_CAMERA)
    if major in (b"jxl ", b"jp2 ", b"jpx "):
        return Kind("JPEG XL photos" if major == b"jxl " else "JPEG 2000 photos", advice=_EXPORT)
    return Kind(f"videos ({'MOV' if major == b'qt  ' else 'MP4'}) instead of photos", advice=_FRAME)


def _of_text(encoded: bytes) -> Kind | None:
    text = encoded[:_LOOK].removeprefix(_UTF8_MARK)
    if _SVG.match(text):
        return Kind("SVG photos")
    if _WEB_PAGE.match(text):
        page = "web pages (HTML) under the name of a photo"
        return Kind(page, advice="open its address in a browser, and save the photo itself")
    return None
