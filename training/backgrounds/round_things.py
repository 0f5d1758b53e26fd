"""Round things that are no coins: caps, lids, plates, buttons, wheels, clocks, knobs, washers, balls, prints."""

from collections.abc import Callable

import cv2
import numpy as np

from training.mint.blanks import rounded_polygon, scalloped
from training.mint.lettering import FONTS, Face, on_arc
from training.mint.relief import smooth_noise

SIDE = 256  # px, of a thing's picture
RADIUS = 120.0  # px, of the thing in it
_V, _U = (np.mgrid[:SIDE, :SIDE].astype(np.float32) - (SIDE - 1) / 2) / np.float32(RADIUS)
_RHO, _PHI = np.hypot(_U, _V), np.arctan2(_V, _U)

Layer = np.ndarray  # [SIDE, SIDE, 3] linear RGB
Cover = np.ndarray  # [SIDE, SIDE], 0 … 1


def _colour(rng: np.random.Generator, saturation: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    hsv = np.array([[[rng.uniform(0, 360), rng.uniform(*saturation), rng.uniform(0.1, 1.0)]]], np.float32)
    return np.square(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])


def _inside(radius: float | np.ndarray) -> Cover:
    return np.clip((radius - _RHO) * np.float32(RADIUS) + 0.5, 0, 1)


def _band(inner: float, outer: float) -> Cover:
    return _inside(outer) * (1 - _inside(inner))


def _paint(layer: Layer, cover: Cover, colour: np.ndarray) -> None:
    layer += cover[..., None] * (colour.astype(np.float32) - layer)


def _plain(rng: np.random.Generator, saturation: tuple[float, float] = (0.0, 1.0)) -> Layer:
    return np.ones((SIDE, SIDE, 3), np.float32) * _colour(rng, saturation)


def _print(layer: Layer, texture: Layer, rng: np.random.Generator, radius: float) -> None:
    """Something printed on the middle: part of a picture, rings, letters, a star, in place."""
    kind = rng.integers(5)
    if kind == 0:
        _paint(layer, _inside(radius), texture)
    elif kind == 1:
        for edge in sorted(rng.uniform(0.1, radius, int(rng.integers(1, 6))), reverse=True):
            _paint(layer, _inside(edge), _colour(rng))
    elif kind == 2:
        star = rounded_polygon(int(rng.integers(3, 9)), 0.0) * rng.uniform(0.4, 0.9) * radius
        place = np.mod(_PHI / (2 * np.pi) * len(star), len(star)).astype(int) % len(star)
        _paint(layer, _inside(star[place]), _colour(rng))
    if rng.random() < 0.6:
        word = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVWXYZ 0123456789"), int(rng.integers(3, 16))))
        face = Face(FONTS[int(rng.integers(len(FONTS)))], int(rng.integers(4, 9)), None)
        size = float(rng.uniform(0.1, 0.3)) * radius
        turn = float(rng.uniform(-np.pi, np.pi))
        letters = on_arc(word, face, radius - size, size, turn, float(rng.uniform(1.5, 4.5)), inward=rng.random() < 0.3)
        cover = cv2.resize(letters, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        _paint(layer, cover, _colour(rng))


def _rings(rng: np.random.Generator, count: int, depth: float) -> np.ndarray:
    """Light and shade of rings turned on a lathe, factors [SIDE, SIDE]."""
    line = np.linspace(0, 1.1, 200)
    slope = np.zeros_like(line)
    for _ in range(count):
        slope += rng.normal(0, depth) * np.exp(-np.square((line - rng.uniform(0.2, 1.0)) / rng.uniform(0.01, 0.08)))
    along = np.cos(_PHI - rng.uniform(0, 2 * np.pi))
    return np.exp(np.interp(_RHO, line, slope) * along).astype(np.float32)


def _gloss(layer: Layer, rng: np.random.Generator) -> None:
    """A soft highlight, in place."""
    x, y = rng.uniform(-0.6, 0.6, 2)
    width = rng.uniform(0.02, 0.4)
    layer += np.float32(rng.uniform(0, 0.7)) * np.exp(-((_U - x) ** 2 + (_V - y) ** 2) / width)[..., None]


def _cap(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng)
    _print(layer, texture, rng, rng.uniform(0.6, 0.85))
    teeth = int(rng.choice((21, 21, 24, 28)))
    wave = 1 + 0.35 * np.cos(teeth * _PHI) * np.clip((_RHO - 0.75) / 0.2, 0, 1)
    layer *= (wave * _rings(rng, 3, 0.5))[..., None]
    outline = scalloped(teeth, rng.uniform(0.02, 0.09))
    place = np.mod(_PHI / (2 * np.pi) * len(outline), len(outline)).astype(int) % len(outline)
    return layer, _inside(outline[place])


def _lid(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng, (0.0, 0.15) if rng.random() < 0.5 else (0.2, 1.0))
    if rng.random() < 0.4:  # of metal, which mirrors
        layer = 0.3 * layer + 0.7 * cv2.GaussianBlur(texture, (0, 0), rng.uniform(1, 12)) * _colour(rng, (0.0, 0.2))
    if rng.random() < 0.5:
        _print(layer, texture, rng, rng.uniform(0.4, 0.9))
    return layer * _rings(rng, int(rng.integers(2, 9)), 0.6)[..., None], _inside(1.0)


def _plate(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = np.ones((SIDE, SIDE, 3), np.float32) * np.float32(rng.uniform(0.5, 1)) * (1 - 0.2 * _colour(rng))
    if rng.random() < 0.5:
        _paint(layer, _band(rng.uniform(0.6, 0.8), rng.uniform(0.82, 0.98)), texture)
    for edge in rng.uniform(0.5, 0.98, int(rng.integers(0, 4))):
        _paint(layer, _band(edge, edge + rng.uniform(0.005, 0.05)), _colour(rng))
    return layer * _rings(rng, 3, 0.25)[..., None], _inside(1.0)


def _button(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng) if rng.random() < 0.7 else texture.copy()
    cover, holes = _inside(1.0), int(rng.choice((2, 4)))
    layer *= _rings(rng, 3, 0.5)[..., None]
    away, size, turn = rng.uniform(0.14, 0.25), rng.uniform(0.06, 0.12), rng.uniform(0, np.pi)
    for k in range(holes):
        t = turn + 2 * np.pi * k / holes
        hole = np.clip((size - np.hypot(_U - away * np.cos(t), _V - away * np.sin(t))) * RADIUS + 0.5, 0, 1)
        if holes == 4 and turn < 1.5:  # thread
            _paint(layer, hole, _colour(rng))
        else:
            cover = cover * (1 - hole)
    return layer, cover


def _wheel(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng, (0.0, 0.2)) * np.float32(0.1)
    hub = rng.uniform(0.5, 0.8)
    _paint(layer, _inside(hub), texture * np.float32(0.4))
    spokes, width = int(rng.integers(3, 16)), rng.uniform(0.2, 0.8)
    bars = np.clip((np.cos(spokes * _PHI + rng.uniform(0, 6)) - 1 + width) * 8, 0, 1) * _inside(hub)
    metal = _colour(rng, (0.0, 0.2)) * rng.uniform(0.5, 1.5)
    _paint(layer, np.maximum(bars, np.maximum(_inside(0.2), _band(hub - 0.06, hub))), metal)
    return layer * _rings(rng, 4, 0.4)[..., None], _inside(1.0)


def _clock(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng, (0.0, 0.2)) if rng.random() < 0.8 else texture.copy()
    ink, frame = _colour(rng, (0.0, 0.3)) * np.float32(0.2), rng.uniform(0.85, 0.95)
    if rng.random() < 0.6:
        _paint(layer, _band(rng.uniform(0.7, 0.8), 0.82) * (np.cos(12 * _PHI) > rng.uniform(0.8, 0.98)), ink)
    centre, size = ((SIDE - 1) / 2, (SIDE - 1) / 2), RADIUS
    if rng.random() < 0.6:
        for hour in range(12):
            t = hour * np.pi / 6
            x, y = (int(centre[0] + 0.66 * size * f) for f in (np.sin(t), -np.cos(t)))
            place = (x - 8, y + 6)
            cv2.putText(layer, str(hour or 12), place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink.tolist(), 2, cv2.LINE_AA)
    for length, width in ((0.5, 5), (0.75, 3)):
        t = rng.uniform(0, 2 * np.pi)
        end = tuple(int(centre[k] + length * size * f) for k, f in enumerate((np.cos(t), np.sin(t))))
        cv2.line(layer, (int(centre[0]), int(centre[1])), end, ink.tolist(), width, cv2.LINE_AA)
    _paint(layer, _band(frame, 1.1), _colour(rng))
    return layer * _rings(rng, 2, 0.3)[..., None], _inside(1.0)


def _knob(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng, (0.0, 0.3)) * np.float32(rng.uniform(0.1, 1.0))
    edge = rng.uniform(0.6, 0.85)
    ribs = 1 + rng.uniform(0.2, 0.6) * np.cos(int(rng.integers(20, 90)) * _PHI) * (1 - _inside(edge))
    if rng.random() < 0.7:
        mark = (np.abs(_V) < 0.04) & (_U > 0.2) & (edge > _U)
        _paint(layer, mark.astype(np.float32), _colour(rng))
    return layer * (ribs * _rings(rng, 4, 0.6))[..., None], _inside(1.0)


def _washer(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    mirrored = cv2.GaussianBlur(texture, (0, 0), rng.uniform(1, 10))
    layer = mirrored * _colour(rng, (0.0, 0.3)) * np.float32(1.5)
    return layer * _rings(rng, 2, 0.4)[..., None], _band(rng.uniform(0.35, 0.9), 1.0)


def _ball(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = texture.copy() if rng.random() < 0.5 else _plain(rng)
    depth = np.sqrt(np.clip(1 - _RHO**2, 0, 1))
    lamp = rng.normal(0, 0.5, 2)
    light = np.clip((lamp[0] * _U + lamp[1] * _V + depth) / np.sqrt(1 + lamp @ lamp), 0.05, 1)
    return layer * light[..., None].astype(np.float32), _inside(1.0)


def _printed(texture: Layer, rng: np.random.Generator) -> tuple[Layer, Cover]:
    layer = _plain(rng) if rng.random() < 0.6 else texture.copy()
    _print(layer, texture, rng, rng.uniform(0.5, 0.95))
    if rng.random() < 0.4:
        _paint(layer, _band(rng.uniform(0.8, 0.95), 1.1), _colour(rng))
    return layer, _inside(1.0) if rng.random() < 0.7 else _band(rng.uniform(0.6, 0.97), 1.0)


THINGS: tuple[Callable[[Layer, np.random.Generator], tuple[Layer, Cover]], ...] = (
    _cap,
    _cap,
    _lid,
    _lid,
    _plate,
    _button,
    _wheel,
    _clock,
    _knob,
    _washer,
    _ball,
    _printed,
)


def round_thing(texture: Layer, rng: np.random.Generator) -> np.ndarray:
    """One thing, float32 [SIDE, SIDE, 4]: linear RGB and how much it covers.

    Args:
        texture: a part of any picture, linear RGB [SIDE, SIDE, 3]: what is printed on it, or what it mirrors.
        rng: of everything else.
    """
    layer, cover = THINGS[int(rng.integers(len(THINGS)))](texture, rng)
    if rng.random() < 0.5:
        _gloss(layer, rng)
    layer *= 1 + 0.06 * smooth_noise(rng, SIDE, int(rng.integers(2, 60)))[..., None]
    return np.dstack([np.clip(layer, 0, 4), cover]).astype(np.float32)
