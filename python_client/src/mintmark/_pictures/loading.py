"""Photos as the server sees them: the same way up, on white where they are transparent, of 8 bits."""

import os

import numpy as np

from mintmark._errors import MintmarkError
from mintmark._photo.kinds import kind_of
from mintmark._photo.metadata import orientation, without_metadata
from mintmark._photo.opening import decode_with_opencv, open_with_pillow, rgb_of_pillow, turn_of_pillow
from mintmark._photo.pixels import turned
from mintmark._pictures.canvas import Picture
from mintmark._requests import Photo, read_photo

_NOT_OPENCVS = ("HEIF", "AVIF", "GIF")


def load(photo: Photo) -> Picture:
    """The photo of a file, upright. MintmarkError if no installed library reads it."""
    encoded = read_photo(photo)
    path = "the photo" if isinstance(photo, bytes) else os.fspath(photo)
    kind = kind_of(encoded)
    if not kind.read:
        raise MintmarkError(f"cannot open {path}: {kind.name or 'files of this kind'} are not read")
    try:
        plain = without_metadata(encoded, kind.name)
        rgb = None if kind.name in _NOT_OPENCVS else decode_with_opencv(plain)
        turn = orientation(encoded)
        if rgb is None:
            image = open_with_pillow(plain, kind.name)
            image.load()
            rgb = rgb_of_pillow(image)
            turn = turn_of_pillow(image) if kind.name == "AVIF" else turn
    except ImportError as error:
        needed = "pip install pillow pi-heif"
        raise MintmarkError(f"cannot open {path}: OpenCV does not read this {kind.name}; {needed}") from error
    except Exception as error:  # decoders raise anything on damaged files
        raise MintmarkError(f"cannot open {path}: the {kind.name} is damaged ({error})") from error
    return np.ascontiguousarray(turned(rgb, turn)[:, :, ::-1])
