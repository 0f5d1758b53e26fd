"""Decodes JPEG photos in batches with nvImageCodec. Other photos, and those it cannot decode, go to the CPU's decoder.

Why nvImageCodec and not DALI: with one damaged image a DALI pipeline raises for the whole batch and cannot leave the
image out (https://github.com/NVIDIA/DALI/issues/3913). nvImageCodec returns None for that image alone. Which of the two
is faster has not been measured.

A photo must look the same whichever decoder took it. So the codec only decodes, and `ensemble.photo` turns the picture
upright, shrinks it and puts it on the canvas. One difference remains: the CPU's decoder lets JPEG's transform do part
of the shrinking, so large photos differ by a grey level on average.
"""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from backends.cpu_decoder import Decoded, decode_or_error
from ensemble.errors import PhotoError
from ensemble.limits import DEFAULT, Limits
from ensemble.photo import Header, Photo, read_header, upright

MOST_PIXELS = 256_000_000  # decoded at a time: 768 MB on the device
MOST_THREADS = 8  # CPU threads of one instance
_END = b"\xff\xd9"  # end mark of a JPEG file


class JpegBatchError(RuntimeError):
    """nvImageCodec cannot decode on this device; the message says why."""


class JpegBatch:
    """Decodes photos in batches.

    Args:
        device: number of the GPU. None uses nvImageCodec's decoders for CPUs: tests run all but the device that way.
        most_pixels: decoded at a time; larger batches are decoded in parts.
        limits: what decoding one photo may cost.

    Raises:
        JpegBatchError: nvImageCodec or nvJPEG is not installed, or there is no such device.
    """

    def __init__(self, device: int | None, most_pixels: int = MOST_PIXELS, limits: Limits = DEFAULT) -> None:
        try:
            from nvidia import nvimgcodec
        except ImportError as error:
            raise JpegBatchError(f"nvImageCodec is missing ({error}): install requirements/gpu.txt") from error
        self._codec = nvimgcodec
        self._most_pixels = most_pixels
        self._limits = limits
        where = "the CPU" if device is None else f"CUDA device {device}"
        threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))
        try:
            self._decoder = nvimgcodec.Decoder(
                device_id=nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY if device is None else device,
                max_num_cpu_threads=threads,
                backends=[nvimgcodec.Backend(kind) for kind in _kinds(nvimgcodec, device)],
                # libjpeg, the CPU's decoder, does the same.
                options=":fancy_upsampling=1",
            )
        except RuntimeError as error:
            raise JpegBatchError(f"nvImageCodec cannot decode on {where}; is it there? ({error})") from error
        self._parameters = nvimgcodec.DecodeParams(
            apply_exif_orientation=False, color_spec=nvimgcodec.ColorSpec.SRGB, allow_any_depth=False
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="photo")
        if self._pictures([_specimen()])[0] is None:
            # Without nvJPEG the codec starts but decodes nothing, and the CPU would silently decode every photo.
            raise JpegBatchError(f"nvImageCodec decodes no JPEG on {where}: is nvidia-nvjpeg-cu12 installed?")

    def decode(self, photos: Sequence[bytes]) -> list[Decoded]:
        """Decode photo files.

        Args:
            photos: files in any format that `ensemble.photo.decode` takes.

        Returns:
            Per file its photo, or the error that `ensemble.photo.decode` raises for it.
        """
        headers = [_header(encoded, self._limits) for encoded in photos]
        results: list[Decoded | None] = [header if isinstance(header, PhotoError) else None for header in headers]
        batch = [n for n, header in enumerate(headers) if isinstance(header, Header) and _takes(photos[n], header)]
        for part in _parts(batch, headers, self._most_pixels):
            pictures = self._pictures([photos[n] for n in part])
            placed = self._pool.map(_finish, [headers[n] for n in part], pictures)
            for n, photo in zip(part, placed, strict=True):
                results[n] = photo
        rest = [n for n, result in enumerate(results) if result is None]
        for n, decoded in zip(rest, self._pool.map(self._decode_alone, [photos[n] for n in rest]), strict=True):
            results[n] = decoded
        return [result for result in results if result is not None]

    def _decode_alone(self, encoded: bytes) -> Decoded:
        return decode_or_error(encoded, self._limits)

    def _pictures(self, photos: Sequence[bytes]) -> list[np.ndarray | None]:
        """[h, w, 3] uint8 RGB per photo, not yet upright; None where the codec cannot decode it."""
        streams = [self._codec.CodeStream(encoded) for encoded in photos]
        try:
            images = self._decoder.decode(streams, params=self._parameters)
            return [None if image is None else np.asarray(image.cpu()) for image in images]
        except RuntimeError:  # for example, no memory left on the device; the codec has written to the server's log
            return [None] * len(photos)


def _kinds(codec: Any, device: int | None) -> tuple[Any, ...]:
    """On a GPU, all kinds of decoders that run there; the JPEG engine of data centre chips comes first.

    The codec's decoders for CPUs are left out: `decode_or_error` takes what the GPU cannot decode.
    """
    if device is None:
        return (codec.CPU_ONLY,)
    return (codec.HW_GPU_ONLY, codec.HYBRID_CPU_GPU, codec.GPU_ONLY)


def _header(encoded: bytes, limits: Limits) -> Header | PhotoError:
    try:
        return read_header(encoded, limits)
    except PhotoError as error:
        return error


def _takes(encoded: bytes, header: Header) -> bool:
    """Whether the codec decodes this file like the CPU's decoder: 8-bit YCbCr or grey JPEG, complete to its end mark.

    A GPU decoder may silently fill the missing part of a truncated file, which the CPU's decoder refuses.
    """
    return (
        header.format == "JPEG"
        and header.image is not None
        and header.image.mode in ("RGB", "L")
        and header.image.info.get("adobe_transform") != 0  # RGB stored as such
        and encoded.rstrip(b"\0").endswith(_END)
    )


def _parts(batch: Sequence[int], headers: Sequence[Any], most_pixels: int) -> Iterator[list[int]]:
    """Cut the batch into parts of at most so many pixels; a larger photo is a part of its own."""
    part: list[int] = []
    pixels = 0
    for n in batch:
        size = headers[n].width * headers[n].height
        if part and pixels + size > most_pixels:
            yield part
            part, pixels = [], 0
        part.append(n)
        pixels += size
    if part:
        yield part


def _finish(header: Header, picture: np.ndarray | None) -> Photo | None:
    """Put a decoded picture on its canvas.

    None leaves the photo to the CPU's decoder, whose errors say what is wrong with it.
    """
    width, height = header.width, header.height
    if picture is None or picture.shape != (height, width, 3) or picture.dtype != np.uint8:
        return None
    return upright(picture, width, height, header.turn)


def _specimen() -> bytes:
    """A small JPEG."""
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "gray").save(file, "JPEG")
    return file.getvalue()
