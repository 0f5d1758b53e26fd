"""One coin type: who issued it, and the relief that a die gives every specimen of it.

Seeds come in families of `FAMILY`: members share a country, its style of writing and its border, and often the device.
In some families, the series, everything is shared but the denomination, as in the sets of coins that people carry.
A class is struck from several dies, which differ in the year, in how deep they are cut and in small shifts.
"""

from dataclasses import dataclass, replace

import numpy as np

from . import lettering, names
from .creatures import LIVING
from .heraldry import GEOMETRIC
from .lettering import FONTS, Face
from .relief import ByteMap, FloatMap, Profile, emboss, rasterize, ring
from .shapes import Shape, ellipse, fill, leaf, line, moved, polygon, shifted, star

FAMILY = 4  # designs that share a country
SERIES_SHARE = 0.5  # of the families
METALS = ("copper", "brass", "nickel", "silver", "gold", "steel", "bronze")
DEVICES = LIVING + GEOMETRIC


@dataclass(frozen=True)
class Style:
    """The features that all coins of one country share."""

    face: Face
    rim: float  # width, radii
    border: str  # beads, denticles, line or none
    beads: int
    legend_height: float  # capitals, radii
    profile: Profile


@dataclass(frozen=True)
class Design:
    """One side of one coin type."""

    identity: names.Identity
    height: FloatMap  # [MAP_SIZE, MAP_SIZE], radii
    metal: str
    ring_metal: str | None  # of the outer part of a bimetal coin
    ring_radius: float  # where that part begins, radii
    reeds: int  # notches of the edge; 0 is smooth


@dataclass(frozen=True)
class Die:
    """The features of one die of a class."""

    year: int
    depth: float  # factor on the heights
    bevel: float  # factor on the slopes' widths


def _style(rng: np.random.Generator) -> Style:
    script = int(rng.integers(1 << 30)) if rng.random() < 0.25 else None
    font = int(rng.integers(len(FONTS)))
    face = Face(FONTS[font], int(rng.integers(4, 8) if font < 2 else rng.integers(3, 5)), script)
    profile = Profile(rng.uniform(0.014, 0.026), rng.uniform(0.018, 0.035), rng.uniform(0.0, 1.0))
    border = str(rng.choice(("beads", "denticles", "line", "none"), p=(0.3, 0.2, 0.2, 0.3)))
    beads = int(rng.integers(40, 110))
    return Style(face, rng.uniform(0.03, 0.075), border, beads, rng.uniform(0.1, 0.17), profile)


def _border(style: Style) -> tuple[list[Shape], float]:
    """Shapes inside the rim, and the radius they leave free."""
    edge = 1 - style.rim
    turns = np.arange(style.beads) * 2 * np.pi / style.beads
    if style.border == "beads":
        radius, bead = edge - 0.04, min(0.024, 2.2 / style.beads)
        return [fill(ellipse(radius * np.cos(t), radius * np.sin(t), bead, n=10)) for t in turns], edge - 0.075
    if style.border == "denticles":
        tooth = np.array([[edge - 0.05, -0.012], [edge, -0.018], [edge, 0.018], [edge - 0.05, 0.012]])
        return [s for t in turns for s in moved([fill(tooth)], angle=t)], edge - 0.07
    if style.border == "line":
        return [line(ellipse(0, 0, edge - 0.03, n=180), 0.012, True)], edge - 0.055
    return [], edge - 0.02


def _wreath(radius: float, rng: np.random.Generator) -> list[Shape]:
    """Two branches that open at the top."""
    gap, n, length = rng.uniform(0.3, 0.9), int(rng.integers(7, 14)), rng.uniform(0.2, 0.3)
    shapes: list[Shape] = []
    for t in np.linspace(np.pi / 2 + 0.1, 3 * np.pi / 2 - gap, n):
        x, y = radius * np.cos(t), radius * np.sin(t)
        shapes += leaf(x, y, length, 0.045, t + np.pi / 2 - 0.45) + leaf(x, y, length, 0.045, t + np.pi / 2 + 0.45)
    return shapes + [Shape(s.points * (-1, 1), s.raised, s.width) for s in shapes]


def _ornaments(radius: float, rng: np.random.Generator) -> list[Shape]:
    """Small equal marks spread over an arc."""
    n, size = int(rng.integers(3, 16)), rng.uniform(0.03, 0.06)
    kind = rng.integers(3)
    mark = (star(5, 0.4, size), ellipse(0, 0, size * 0.7, n=12), polygon(4, size))[kind]
    span = 2 * np.pi if rng.random() < 0.5 else rng.uniform(1, 4)
    turns = rng.uniform(0, 2 * np.pi) + np.arange(n) * span / n
    return [fill(shifted(mark, radius * np.cos(t), radius * np.sin(t))) for t in turns]


def _legends(
    identity: names.Identity, year: int, style: Style, free: float, rng: np.random.Generator
) -> tuple[list[ByteMap], float]:
    """Lettering along the border, and the radius it leaves free."""
    height = style.legend_height
    radius = free - height / 2 - 0.015
    word = identity.value.split(" ", 1)[1].upper()
    top = {"obverse": identity.country.upper(), "reverse": word}[identity.side]
    if rng.random() < 0.4:
        top = f"{identity.country} {word}".upper()
    start = float(rng.choice((-np.pi / 2, -np.pi / 2, np.pi, 0.0)))
    masks = [lettering.on_arc(top, style.face, radius, height, start, 3.6, inward=False)]
    if rng.random() < 0.75:
        low = str(year) if rng.random() < 0.6 else f"{word} {year}"
        masks.append(lettering.on_arc(low, style.face, radius, height, start + np.pi, 2.2, inward=True))
    return masks, free - height - 0.05


def _numeral(
    identity: names.Identity, style: Style, box: tuple[float, float, float, float], rng: np.random.Generator
) -> ByteMap:
    """The denomination; box: x, y, capital height and greatest width in radii."""
    font = int(rng.integers(len(FONTS)))
    face = Face(FONTS[font], int(rng.integers(5, 10) if font < 2 else rng.integers(3, 6)), None)
    return lettering.on_field(str(identity.denomination), face, *box)


def _device(side: str, family: np.random.Generator, member: np.random.Generator) -> list[Shape]:
    """The main device, half the time one that the whole family shares."""
    shared = DEVICES[int(family.integers(len(DEVICES)))](family)
    own = DEVICES[int(member.integers(len(DEVICES)))](member)
    return shared if member.random() < (0.5 if side == "obverse" else 0.35) else own


def _layout(
    identity: names.Identity, style: Style, free: float, device: list[Shape], rng: np.random.Generator, numbered: bool
) -> tuple[list[Shape], list[ByteMap]]:
    """Device, numeral (always where `numbered`) and small marks on the field within `free` radii."""
    if not numbered and (identity.side == "obverse" or rng.random() < 0.15):
        shapes = moved(device, y=rng.uniform(-0.04, 0.04), scale=free * rng.uniform(0.78, 0.95))
        return shapes + (_ornaments(free * 0.97, rng) if rng.random() < 0.3 else []), []
    kind = rng.integers(4)
    if kind == 0:
        shapes = _wreath(free * 0.85, rng) if rng.random() < 0.6 else _ornaments(free * 0.9, rng)
        return shapes, [_numeral(identity, style, (0, 0, free * rng.uniform(0.6, 0.95), free * 1.3), rng)]
    if kind == 1:
        side = float(rng.choice((-1, 1)))
        box = (side * 0.4 * free, rng.uniform(-0.2, 0.2) * free, free * rng.uniform(0.6, 1.0), free * 0.8)
        return moved(device, -side * 0.48 * free, 0, free * 0.5), [_numeral(identity, style, box, rng)]
    if kind == 2:
        low = float(rng.choice((-1, 1)))
        box = (0, low * 0.45 * free, free * rng.uniform(0.45, 0.6), free * 1.4)
        return moved(device, 0, -low * 0.45 * free, free * 0.48), [_numeral(identity, style, box, rng)]
    word = identity.value.split(" ", 1)[1].upper()
    numeral = _numeral(identity, style, (0, -0.28 * free, free * rng.uniform(0.6, 0.8), free * 1.5), rng)
    text = lettering.on_field(word, style.face, 0, 0.4 * free, style.legend_height * 1.2, free * 1.5)
    return (_ornaments(free * 0.95, rng) if rng.random() < 0.5 else []), [numeral, text]


def _relief(
    identity: names.Identity,
    style: Style,
    family: np.random.Generator,
    rng: np.random.Generator,
    numbered: bool,
    die: Die,
) -> FloatMap:
    border, free = _border(style)
    legends, free = _legends(identity, die.year, style, free, rng)
    device = _device(identity.side, family, rng)
    shapes, texts = _layout(identity, style, free, device, rng, numbered)
    profile = replace(style.profile, amount=style.profile.amount * die.depth, bevel=style.profile.bevel * die.bevel)
    low = Profile(profile.amount * 0.9, profile.bevel * 0.6, 0.0)
    height = emboss(ring(1 - style.rim, 1.0), Profile(profile.amount * rng.uniform(0.9, 1.3), 0.025, 0.0))
    for mask in [rasterize(border), *legends, *texts]:
        np.maximum(height, emboss(mask, low), out=height)
    np.maximum(height, emboss(rasterize(shapes), profile), out=height)
    if rng.random() < 0.2:
        frame = rasterize([line(ellipse(0, 0, free + 0.02, n=180), 0.014, True)])
        np.maximum(height, emboss(frame, low), out=height)
    return height


def _draw_die(first_year: int, seed: int, number: int) -> Die:
    """The first die bears the year of the identity."""
    rng = np.random.default_rng([seed, 6, number])
    year = first_year if number == 0 else first_year + int(rng.integers(1, 40))
    return Die(year, rng.uniform(0.8, 1.25), rng.uniform(0.85, 1.2))


def make_design(seed: int, die: int = 0) -> Design:
    """The design with this seed as one of its dies strikes it; the same arguments give the same design."""
    family, own = np.random.default_rng([seed // FAMILY, 0]), np.random.default_rng([seed, 1])
    country, style = names.draw_country(family), _style(family)
    series = family.random() < SERIES_SHARE
    rng = np.random.default_rng([seed // FAMILY, 5]) if series else own
    identity = names.draw_identity(*country, rng)
    if series:
        value = int(family.permutation(names.VALUES)[seed % FAMILY])
        identity = replace(identity, denomination=value, side="reverse")
    height = _relief(identity, style, family, rng, series, _draw_die(identity.year, seed, die))
    reeds = int(rng.integers(60, 150)) if rng.random() < 0.6 else 0
    ring_radius = rng.uniform(0.6, 0.75)
    look = own if series and own.random() < 0.5 else rng  # half of a series is of one metal
    bimetal = look.random() < 0.15
    metal, outer = look.choice(METALS, 2, replace=False)
    return Design(identity, height, str(metal), str(outer) if bimetal else None, ring_radius, reeds)
