"""Devices with straight geometry: stars, shields, crowns, buildings. Each is a function of a generator."""

import numpy as np

from .shapes import Shape, blob, cut, ellipse, fill, groove, line, moved, polygon, shifted, smooth, star


def stars(rng: np.random.Generator) -> list[Shape]:
    """A star, sometimes with a smaller one cut into it or a ring around it."""
    n, inner = int(rng.integers(4, 10)), rng.uniform(0.3, 0.65)
    shapes = [fill(star(n, inner))]
    if rng.random() < 0.5:
        shapes += [cut(star(n, inner, 0.6)), fill(star(n, inner, 0.4))]
    if rng.random() < 0.4:
        shapes = [*moved(shapes, scale=0.75), line(ellipse(0, 0, 0.95), 0.06, True)]
    return shapes


def cross(rng: np.random.Generator) -> list[Shape]:
    """A cross: arms straight or flared, sometimes with a boss and balls between the arms."""
    root, tip, notch = rng.uniform(0.1, 0.25), rng.uniform(0.1, 0.5), rng.uniform(0, 0.2)
    arm = np.array([[-root, -root], [-tip, -1], [0, -1 + notch], [tip, -1], [root, -root], [0, 0]])
    shapes = [s for k in range(4) for s in moved([fill(arm)], angle=k * np.pi / 2)]
    if rng.random() < 0.6:
        shapes += [cut(ellipse(0, 0, 0.34)), fill(ellipse(0, 0, 0.24))]
    if rng.random() < 0.5:
        ball = fill(ellipse(0.6, 0.6, rng.uniform(0.08, 0.16)))
        shapes += [s for k in range(4) for s in moved([ball], angle=k * np.pi / 2)]
    return shapes


def _charge(rng: np.random.Generator) -> list[Shape]:
    kind = rng.integers(6)
    if kind == 0:
        count = int(rng.integers(2, 6))
        return [cut(np.array([[x, -1], [x + 0.5 / count, -1], [x + 0.5 / count, 1.2], [x, 1.2]]))
                for x in np.arange(count) * 1.3 / count - 0.62]  # fmt: skip
    if kind == 1:
        y = rng.uniform(-0.2, 0.2)
        return [
            cut(
                np.array([[-0.8, y + 0.5], [0, y - 0.2], [0.8, y + 0.5], [0.8, y + 0.8], [0, y + 0.1], [-0.8, y + 0.8]])
            )
        ]
    if kind == 2:
        return [
            cut(np.array([[-0.8, -1], [0, -1], [0, 0], [-0.8, 0]])),
            cut(np.array([[0, 0], [0.8, 0], [0.8, 1.2], [0, 1.2]])),
        ]
    if kind == 3:
        return [cut(p) for p in (shifted(star(5, 0.4, 0.2), x, y) for x, y in ((-0.3, -0.4), (0.3, -0.4), (0, 0.15)))]
    if kind == 4:
        return [cut(np.array([[-0.8, -0.9], [-0.5, -0.9], [0.8, 0.6], [0.8, 1.0], [0.5, 1.0], [-0.8, -0.5]]))]
    return [cut(star(int(rng.integers(5, 9)), rng.uniform(0.3, 0.6), 0.45))]


def shield(rng: np.random.Generator) -> list[Shape]:
    """A shield with a border and a charge."""
    waist = rng.uniform(0.65, 0.85)
    right = np.array([[0.8, -0.9], [waist, 0.1], [0.5, 0.65], [0, 1.0]])
    outline = np.concatenate([right, (right * (-1, 1))[::-1][1:]])
    shapes = [fill(outline), *_charge(rng)]
    if rng.random() < 0.4:
        shapes += _charge(rng)
    return [*shapes, line(outline, 0.1, True)]


def crown(rng: np.random.Generator) -> list[Shape]:
    """A crown with points and balls over a jewelled band."""
    n, dip = int(rng.integers(3, 6)), rng.uniform(0.0, 0.3)
    x = np.linspace(-0.95, 0.95, 2 * n - 1)
    y = np.where(np.arange(2 * n - 1) % 2 == 0, -0.45 - 0.2 * np.cos(x), dip)
    shapes = [fill(np.concatenate([np.stack([x, y], 1), [[0.8, 0.75], [-0.8, 0.75]]]))]
    shapes += [fill(ellipse(px, py - 0.05, 0.11)) for px, py in zip(x[::2], y[::2], strict=True)]
    shapes += [groove(np.array([[-0.8, 0.4], [0.8, 0.4]]), 0.06)]
    return shapes + [cut(ellipse(px, 0.58, 0.07)) for px in np.linspace(-0.6, 0.6, int(rng.integers(3, 7)))]


def rosette(rng: np.random.Generator) -> list[Shape]:
    """Rings of petals round a boss."""
    n, width, shapes = int(rng.integers(5, 13)), rng.uniform(0.7, 1.3), []
    for radius, turn in ((0.62, 0.0), (0.36, 0.5)):
        petal = [
            cut(ellipse(radius, 0, 0.44, 0.44 * width * 3 / n)),
            fill(ellipse(radius, 0, 0.38, 0.38 * width * 3 / n)),
        ]
        shapes += [s for k in range(n) for s in moved(petal, angle=(k + turn) * 2 * np.pi / n)]
    boss = rng.uniform(0.12, 0.25)
    return [*shapes, cut(ellipse(0, 0, boss + 0.06)), fill(ellipse(0, 0, boss))]


def sun(rng: np.random.Generator) -> list[Shape]:
    """A disc with rays, alternately long and short, straight or curved."""
    n, disc, curl = int(rng.integers(8, 25)), rng.uniform(0.25, 0.5), rng.uniform(-0.3, 0.3)
    shapes = [fill(ellipse(0, 0, disc))]
    for k in range(n):
        tip, half = 1.0 if k % 2 == 0 else rng.uniform(0.7, 0.75), 0.3 * np.pi / n
        ray = np.array(
            [
                [(disc + 0.06) * np.cos(half), -disc * np.sin(2 * half)],
                [tip, curl * 0.3],
                [disc + 0.06, disc * np.sin(2 * half)],
            ]
        )
        shapes += moved([fill(ray)], angle=k * 2 * np.pi / n)
    return shapes


def nest(rng: np.random.Generator) -> list[Shape]:
    """Polygons inside polygons."""
    n, turn, shapes = int(rng.integers(3, 9)), rng.uniform(0, 0.6), []
    for k, radius in enumerate(np.linspace(1, 0.2, int(rng.integers(4, 9)))):
        shapes.append((fill if k % 2 == 0 else cut)(polygon(n, radius, k * turn)))
    return shapes


def globe(rng: np.random.Generator) -> list[Shape]:
    """A ball with meridians, parallels and land."""
    shapes, lean = [fill(ellipse(0, 0, 0.95))], rng.uniform(-0.6, 0.6)
    for k in np.linspace(0.15, 0.8, int(rng.integers(2, 5))):
        shapes += moved([groove(ellipse(0, 0, k, 0.93), 0.035, True)], angle=lean)
    for y in np.linspace(-0.7, 0.7, int(rng.integers(3, 6))):
        half = np.sqrt(0.9 - y * y)
        shapes += moved([groove(np.array([[-half, y], [half, y]]), 0.035)], angle=lean)
    land = [fill(blob(rng) * rng.uniform(0.2, 0.4) + rng.uniform(-0.4, 0.4, 2)) for _ in range(3)]
    return shapes + land


def tower(rng: np.random.Generator) -> list[Shape]:
    """A castle: towers with battlements, a gate, windows."""
    shapes, gate = [], rng.uniform(0.12, 0.22)
    for x, top, half in ((0.0, -0.9, 0.3), (-0.65, rng.uniform(-0.6, 0.1), 0.25), (0.65, rng.uniform(-0.6, 0.1), 0.25)):
        shapes.append(fill(np.array([[x - half, top], [x + half, top], [x + half, 0.9], [x - half, 0.9]])))
        notch = np.array([[x, top - 0.1], [x + 0.1, top - 0.1], [x + 0.1, top + 0.14], [x, top + 0.14]])
        shapes += [cut(shifted(notch, s * half, 0)) for s in (-0.6, 0.15)]
        shapes.append(cut(ellipse(x, top + 0.4, 0.07, 0.12)))
    shapes += [cut(ellipse(0, 0.5, gate)), cut(np.array([[-gate, 0.5], [gate, 0.5], [gate, 0.95], [-gate, 0.95]]))]
    courses = np.linspace(0.1, 0.7, int(rng.integers(0, 5)))
    return shapes + [groove(np.array([[-0.95, y], [0.95, y]]), 0.03) for y in courses]


def ship(rng: np.random.Generator) -> list[Shape]:
    """A sailing ship over waves."""
    hull = smooth(np.array([[-0.9, 0.25], [-0.6, 0.35], [0.5, 0.35], [0.95, 0.15], [0.7, 0.65], [-0.65, 0.65]]))
    shapes = [fill(hull), groove(np.array([[-0.7, 0.48], [0.75, 0.45]]))]
    for x in np.linspace(-0.45, 0.45, int(rng.integers(1, 4))):
        top, belly = rng.uniform(-1, -0.7), rng.uniform(0.2, 0.4)
        shapes.append(line(np.array([[x, 0.3], [x, top]]), 0.05))
        sail = np.array(
            [[x + 0.05, top + 0.05], [x + belly, (top + 0.2) / 2], [x + 0.05, 0.2], [x - 0.12, (top + 0.2) / 2]]
        )
        shapes += [
            fill(smooth(sail)),
            groove(np.array([[x - 0.1, (top + 0.2) / 2], [x + belly, (top + 0.2) / 2]]), 0.035),
        ]
    x = np.linspace(-1, 1, 40)
    rows = np.linspace(0.75, 1.0, int(rng.integers(1, 4)))
    return shapes + [line(np.stack([x, y + 0.04 * np.sin(x * rng.uniform(9, 20))], 1), 0.045) for y in rows]


def anchor(rng: np.random.Generator) -> list[Shape]:
    """An anchor, a key or a trident: a shaft with a ring and arms."""
    width, reach = rng.uniform(0.1, 0.2), rng.uniform(0.5, 0.9)
    shapes = [line(np.array([[0, -0.6], [0, 0.9]]), width), line(ellipse(0, -0.78, 0.2), width * 0.7, True)]
    arms = np.array([[-reach, 0.2], [-0.7 * reach, 0.7], [0, 0.92], [0.7 * reach, 0.7], [reach, 0.2]])
    if rng.random() < 0.6:
        barb = np.array([[-reach, 0.0], [-reach - 0.15, 0.35], [-reach + 0.2, 0.35]])
        shapes += [line(smooth(arms, closed=False), width), fill(barb), fill(barb * (-1, 1))]
        return [*shapes, line(np.array([[-0.45, -0.4], [0.45, -0.4]]), width)]
    teeth = np.linspace(0.3, 0.85, int(rng.integers(2, 5)))
    return shapes + [line(np.array([[0, y], [reach * rng.uniform(0.4, 0.8), y]]), width * 0.8) for y in teeth]


def knot(rng: np.random.Generator) -> list[Shape]:
    """Interlaced lines: Lissajous or rose curves."""
    t = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    a, b = rng.permutation([1, 2, 3, 4, 5])[:2]
    if rng.random() < 0.5:
        curve = np.stack([np.sin(a * t), np.sin(b * t + rng.uniform(0, np.pi))], 1) * 0.9
    else:
        r = 0.6 + 0.35 * np.cos((a + 2) * t)
        curve = np.stack([r * np.cos(t), r * np.sin(t)], 1)
    return [line(curve, rng.uniform(0.07, 0.16), True), *([groove(curve, 0.03, True)] if rng.random() < 0.5 else [])]


def stripes(rng: np.random.Generator) -> list[Shape]:
    """A field of slanted lines ending in stars."""
    n, lean = int(rng.integers(4, 9)), rng.uniform(-0.8, 0.8)
    shapes = []
    for x in np.linspace(-0.8, 0.8, n):
        top, bottom = rng.uniform(-0.9, -0.4), rng.uniform(0.4, 0.9)
        shapes += [line(np.array([[x + lean * top, top], [x + lean * bottom, bottom]]), 0.06)]
        shapes += [fill(shifted(star(5, 0.4, 0.11), x + lean * y, y)) for y in (top - 0.12, bottom + 0.12)]
    return shapes


GEOMETRIC = (stars, cross, shield, crown, rosette, sun, nest, globe, tower, ship, anchor, knot, stripes)
