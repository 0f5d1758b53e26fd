"""From a photo file to the canvas: the first step of the pipeline, which is not a compute graph."""

from ensemble.photo.canvas import Photo, upright
from ensemble.photo.decoding import Header, decode, is_photo_file, read_header

__all__ = ["Header", "Photo", "decode", "is_photo_file", "read_header", "upright"]
