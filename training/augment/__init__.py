"""Augmentation: what a phone does to a picture of a coin, and pasting coins onto other grounds. Needs numpy and OpenCV.

Pictures are RGB 0 … 255, uint8 or float32 [h, w, 3]; masks are uint8 0 … 255 [h, w].
"""

from .compose import Cutout, compose, gaussian_blend, laplacian_blend
from .photometric import iso_noise, recolour, shadow

__all__ = ["Cutout", "compose", "gaussian_blend", "iso_noise", "laplacian_blend", "recolour", "shadow"]
