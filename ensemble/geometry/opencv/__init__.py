"""The geometry on CPUs: OpenCV and numpy, photo by photo."""

from ensemble.geometry.opencv.steps import STEPS

__all__ = ["STEPS"]
