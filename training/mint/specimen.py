"""One struck coin: a design with its own wear, scratches and toning."""

from dataclasses import dataclass

import cv2
import numpy as np

from .blanks import Outline, fit_relief
from .design import Design
from .relief import MAP_SIZE, FloatMap, polar, scratch, smooth_noise, wear

# Linear-light reflectance of polished metals at normal incidence, after Hoffman (SIGGRAPH 2010 course, table of F0);
# alloys by eye from photographs.
REFLECTANCE = {
    "copper": (0.95, 0.62, 0.50),
    "bronze": (0.72, 0.50, 0.30),
    "brass": (0.89, 0.74, 0.38),
    "gold": (1.00, 0.78, 0.36),
    "nickel": (0.70, 0.65, 0.57),
    "silver": (0.95, 0.93, 0.89),
    "steel": (0.60, 0.60, 0.61),
}
_TARNISH = {"copper": (0.16, 0.07, 0.04), "bronze": (0.12, 0.08, 0.04), "brass": (0.17, 0.13, 0.05)}
_GREY_TARNISH = (0.12, 0.11, 0.10)
_COLOUR_SIZE = MAP_SIZE // 2  # px: colour is smoother than relief


@dataclass(frozen=True)
class Specimen:
    """One physical coin, ready for any light."""

    height: FloatMap  # [MAP_SIZE, MAP_SIZE], radii
    colour: np.ndarray  # [_COLOUR_SIZE, _COLOUR_SIZE, 3] linear RGB reflectance
    roughness: float  # root mean square slope of the microfacets
    relief: float  # factor on the slopes: how strongly the relief shows
    matte: float  # share of the light that worn metal scatters evenly
    frost: float  # proof coins: how matt the device is against the mirror of the field, 0 … 1
    bulge: float  # slope of the field at the rim: struck coins are not quite flat
    thickness: float  # radii
    reeds: int  # notches of the edge
    outline: Outline | None = None  # of a coin that is no disc
    hole: float = 0.0  # radius of a hole through the middle, radii


def _metal(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Clean and tarnished reflectance, each [_COLOUR_SIZE, _COLOUR_SIZE, 3] or [3]."""
    batch = rng.normal(1, 0.04, 3)
    clean = (np.array(REFLECTANCE[design.metal]) * batch).astype(np.float32)
    dark = np.array(_TARNISH.get(design.metal, _GREY_TARNISH), np.float32)
    if design.ring_metal is None:
        return clean, dark
    outer = (np.array(REFLECTANCE[design.ring_metal]) * batch).astype(np.float32)
    rho = cv2.resize(polar()[0], (_COLOUR_SIZE, _COLOUR_SIZE), interpolation=cv2.INTER_AREA)
    share = np.clip((rho - np.float32(design.ring_radius)) * 120 + 0.5, 0, 1)[..., None]
    return clean + share * (outer - clean), dark


def _toning(height: FloatMap, amount: float, rng: np.random.Generator) -> FloatMap:
    """How dark every point has become, 0 … 1: recesses keep dirt, the field is blotched."""
    small = cv2.resize(height, (_COLOUR_SIZE, _COLOUR_SIZE), interpolation=cv2.INTER_AREA)
    depth = cv2.GaussianBlur(small, (0, 0), 4.5) - small
    recess = np.clip(depth / np.float32(0.006), 0, 1)
    blotch = np.clip(0.5 + 0.4 * smooth_noise(rng, _COLOUR_SIZE, int(rng.integers(2, 7)), 3), 0, 1)
    grime = rng.uniform(0.2, 0.9)
    return np.clip(np.float32(amount) * (np.float32(grime) * recess + np.float32(1 - grime * 0.5) * blotch), 0, 0.95)


def strike(
    design: Design,
    rng: np.random.Generator,
    mint_state: bool = False,
    outline: Outline | None = None,
    hole: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Specimen:
    """A coin of this design.

    Args:
        design: what is struck.
        rng: of wear and toning.
        mint_state: hardly used, as in catalogs.
        outline: of a blank that is no disc, see `blanks`.
        hole: radius of a hole through the middle, radii.
        shift: of the die off the middle of such a blank, radii.
    """
    use = rng.uniform(0, 0.25) if mint_state else rng.beta(1.3, 2.2)
    height = wear(design.height, use)
    if use > 0.05:
        height = scratch(height, int(rng.integers(0, round(8 + 60 * use))), rng)
    if design.ring_metal is not None:
        rho, _ = polar()
        height = height - np.float32(0.006) * np.exp(-(((rho - np.float32(design.ring_radius)) / 0.008) ** 2))
    if outline is not None:
        height = fit_relief(height, outline, shift)
    if hole > 0:
        rho, _ = polar()
        height = np.maximum(height, np.float32(0.02) * np.exp(-(((rho - np.float32(hole + 0.05)) / 0.03) ** 4)))
    clean, dark = _metal(design, rng)
    toning = _toning(height, rng.uniform(0, 0.35) if mint_state else rng.uniform(0.05, 1.0), rng)[..., None]
    colour = (clean * (1 - toning) + dark * toning).astype(np.float32)
    return Specimen(
        height=height.astype(np.float32),
        colour=colour,
        roughness=rng.uniform(0.1, 0.3) + 0.2 * use,
        relief=rng.uniform(0.9, 1.9),
        matte=rng.uniform(0.08, 0.45),
        frost=rng.uniform(0.3, 0.8) if rng.random() < 0.12 else 0.0,
        bulge=rng.normal(0.02, 0.06),
        thickness=rng.uniform(0.1, 0.22),
        reeds=design.reeds,
        outline=outline,
        hole=hole,
    )
