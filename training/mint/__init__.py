"""Coins of invented countries, rendered: designs, struck specimens, photos with exact masks. Needs numpy and OpenCV."""

from .camera import PHONE, STUDIO, Ellipse, Quality
from .design import Design, make_design
from .names import Identity
from .scene import CATALOG, QUERY, Photo, Shot, photograph
from .specimen import Specimen, strike

__all__ = [
    "CATALOG",
    "PHONE",
    "QUERY",
    "STUDIO",
    "Design",
    "Ellipse",
    "Identity",
    "Photo",
    "Quality",
    "Shot",
    "Specimen",
    "make_design",
    "photograph",
    "strike",
]
