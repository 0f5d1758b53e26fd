"""Devices with living shapes: portraits, animals, plants, maps. Each is a function of a generator."""

import numpy as np

from .shapes import Shape, blob, cut, ellipse, fill, groove, leaf, line, moved, shifted, smooth, star

_PROFILE = np.array([
    [-0.1, -0.92], [0.22, -0.86], [0.42, -0.62], [0.47, -0.38], [0.44, -0.27], [0.55, -0.1], [0.64, 0.02], [0.49, 0.09],
    [0.55, 0.19], [0.47, 0.25], [0.53, 0.33], [0.45, 0.42], [0.48, 0.55], [0.36, 0.66], [0.14, 0.66], [0.12, 0.8],
    [0.3, 1.0], [-0.62, 1.0], [-0.42, 0.72], [-0.46, 0.4], [-0.64, 0.1], [-0.7, -0.3], [-0.48, -0.74],
])  # fmt: skip


def _mirrored(shapes: list[Shape], rng: np.random.Generator) -> list[Shape]:
    if rng.random() < 0.5:
        return shapes
    return [Shape(s.points * (-1, 1), s.raised, s.width, s.closed) for s in shapes]


def portrait(rng: np.random.Generator) -> list[Shape]:
    """A head in profile with hair, sometimes crowned or bearded."""
    face = _PROFILE + rng.normal(0, 0.025, _PROFILE.shape)
    shapes = [
        fill(smooth(face)),
        groove(np.array([[0.26, -0.26], [0.4, -0.24]]), 0.05),
        groove(face[9] + np.array([[-0.15, 0.01], [0, 0]])),
    ]
    shapes += [line(smooth(np.array([[0.2, -0.36], [0.33, -0.4], [0.45, -0.34]]), False), 0.05)]
    shapes += [groove(ellipse(-0.1, -0.05, 0.08, 0.14, 0.2), 0.035, True)]
    waves, depth, long = int(rng.integers(5, 11)), rng.uniform(0.02, 0.07), rng.uniform(0.1, 0.75)
    t = np.linspace(0, 1, 16)
    for k in np.linspace(0.15, 1, waves):
        angle = -1.2 - t * (1.3 + long * 1.5)
        x = -0.05 + 0.62 * k * np.cos(angle) + depth * np.sin(9 * t + 4 * k)
        shapes.append(groove(np.stack([x, -0.22 + 0.66 * k * np.sin(angle) * (1 - 0.2 * t)], 1), 0.035))
    if rng.random() < 0.35:
        shapes += [
            fill(np.array([[x, -0.62 - 0.3 * x], [x + 0.1, -1.1], [x + 0.2, -0.7 - 0.3 * x]]))
            for x in np.linspace(-0.6, 0.2, 4)
        ]
    elif rng.random() < 0.35:
        shapes += [
            s for k in range(7) for s in leaf(-0.6 + 0.14 * k, -0.35 - 0.07 * k, 0.24, 0.06, rng.uniform(-0.9, -0.4))
        ]
    if rng.random() < 0.3:
        beard = np.array([[0.42, 0.35], [0.52, 0.6], [0.3, 0.9], [0.05, 0.7], [-0.05, 0.3]]) + rng.normal(
            0, 0.03, (5, 2)
        )
        shapes += [fill(smooth(beard))] + [
            groove(np.array([[x, 0.4], [x + 0.03, 0.78]]), 0.03) for x in np.linspace(0.05, 0.4, 5)
        ]
    return _mirrored(shapes, rng)


def bird(rng: np.random.Generator) -> list[Shape]:
    """A bird: flying sideways, or an eagle with spread wings."""
    feathers = int(rng.integers(4, 8))
    if rng.random() < 0.5:
        span, shapes = rng.uniform(0.7, 1.0), []
        for k, angle in enumerate(np.linspace(-0.7, 1.0, feathers)):
            shapes += leaf(0.12, -0.2 + 0.03 * k, span * rng.uniform(0.8, 1.0), 0.11, angle)
        shapes += [Shape(s.points * (-1, 1), s.raised, s.width) for s in shapes]
        shapes += [
            fill(ellipse(0, 0.1, 0.2, 0.5)),
            fill(ellipse(0.05, -0.52, 0.15)),
            fill(np.array([[0.15, -0.6], [0.4, -0.5], [0.15, -0.45]])),
        ]
        for angle in (1.1, 1.57, 2.04):
            shapes += leaf(0, 0.45, 0.5, 0.1, angle)
        return shapes + [groove(np.array([[-0.12, y], [0, y + 0.07], [0.12, y]]), 0.03) for y in (-0.15, 0.05, 0.25)]
    lift = rng.uniform(-0.9, 0.5)
    body = smooth(
        np.array(
            [[-0.9, 0.35], [-0.3, 0.1], [0.3, -0.1], [0.55, -0.3], [0.75, -0.25], [0.6, -0.1], [0.4, 0.3], [-0.2, 0.4]]
        )
    )
    shapes = [fill(body), fill(np.array([[0.7, -0.3], [1.0, -0.2], [0.7, -0.17]])), cut(ellipse(0.6, -0.24, 0.035))]
    for k in range(feathers):
        shapes += leaf(0.1 - 0.08 * k, 0.1, rng.uniform(0.6, 0.9), 0.1, -2.2 + lift * 0.5 + 0.12 * k)
    for x in (0.0, 0.2):
        shapes.append(line(np.array([[x, 0.3], [x - 0.05, 0.75], [x + 0.1, 0.8]]), 0.05))
    return _mirrored(shapes, rng)


def fish(rng: np.random.Generator) -> list[Shape]:
    """A fish with fins and scales."""
    depth, tail = rng.uniform(0.25, 0.5), rng.uniform(0.3, 0.6)
    shapes = [fill(ellipse(0.1, 0, 0.75, depth)), fill(np.array([[-0.5, 0], [-1.0, -tail], [-0.85, 0], [-1.0, tail]]))]
    shapes += [
        fill(np.array([[-0.2, -depth * 0.8], [0.0, -depth - 0.3], [0.4, -depth * 0.8]])),
        cut(ellipse(0.62, -0.08, 0.06)),
    ]
    shapes += [groove(ellipse(0.35, 0, 0.12, depth * 0.7)[10:31], 0.04)]
    for x in np.linspace(-0.4, 0.25, int(rng.integers(3, 6))):
        shapes += [groove(ellipse(x, y, 0.09)[10:31], 0.03) for y in np.linspace(-0.6, 0.6, 4) * depth]
    return moved(_mirrored(shapes, rng), angle=rng.uniform(-0.6, 0.6))


def beast(rng: np.random.Generator) -> list[Shape]:
    """A four-legged animal: horse, bull, lion, stag, depending on its proportions."""
    neck, leg, bulk = rng.uniform(0.1, 0.5), rng.uniform(0.5, 0.8), rng.uniform(0.2, 0.32)
    head = np.array([0.68, -0.15 - neck])
    back = np.array(
        [
            [-0.65, -0.15],
            [0, -0.1],
            [0.4, -0.2],
            shifted(head, -0.1, -0.15),
            shifted(head, 0.12, -0.1),
            shifted(head, 0.3, 0.1),
            shifted(head, 0.1, 0.14),
        ]
    )
    under = np.array([[0.5, 0.2], [0.3, bulk + 0.05], [-0.3, bulk - 0.02], [-0.7, 0.15]])
    shapes = [fill(smooth(np.concatenate([back, under]))), cut(ellipse(head[0] + 0.05, head[1] - 0.02, 0.03))]
    for x, width in ((-0.6, 0.16), (-0.4, 0.13), (0.25, 0.13), (0.45, 0.14)):
        knee, foot = x + rng.uniform(-0.15, 0.2), x + rng.uniform(-0.12, 0.12)
        shapes.append(line(np.array([[x, 0.1], [knee, 0.15 + leg / 2], [foot, 0.15 + leg]]), width))
    tail = np.array([[-0.65, -0.1], [-0.85, -0.2], [-0.9, rng.uniform(-0.5, 0.3)], [-1.0, rng.uniform(-0.7, 0.5)]])
    shapes.append(line(smooth(tail, False), rng.uniform(0.05, 0.12)))
    kind = rng.integers(3)
    x, y = head
    if kind == 0:
        for k in range(6):
            shapes += leaf(x - 0.12 - 0.06 * k, y - 0.1 + 0.09 * k, 0.3, 0.08, 2.6 - 0.2 * k)
    elif kind == 1:
        horn = head + np.array([[-0.02, -0.12], [-0.12, -0.35], [0.1, -0.5]])
        shapes += [line(smooth(horn, False), 0.06), line(shifted(horn[1:], -0.12, 0.05), 0.05)]
    else:
        shapes += [
            fill(ellipse(x - 0.08, y + 0.08, 0.3)),
            groove(ellipse(x - 0.02, y + 0.05, 0.2), 0.04, True),
        ]
    return _mirrored(shapes, rng)


def tree(rng: np.random.Generator) -> list[Shape]:
    """A tree, palm or fir."""
    kind, n = rng.integers(3), int(rng.integers(5, 10))
    shapes = [fill(np.array([[-0.1, 0.0], [0.1, 0.0], [0.17, 1.0], [-0.17, 1.0]]))]
    if kind == 0:
        shapes += [
            fill(ellipse(rng.uniform(-0.5, 0.5), rng.uniform(-0.85, 0.15), rng.uniform(0.22, 0.4))) for _ in range(n)
        ]
        return shapes + [
            groove(ellipse(rng.uniform(-0.4, 0.4), rng.uniform(-0.75, 0.05), 0.15)[5:25], 0.04) for _ in range(n)
        ]
    if kind == 1:
        return shapes + [
            s for a in np.linspace(-np.pi, 0, n) for s in leaf(0, -0.1, 0.85, 0.12, a + rng.uniform(-0.1, 0.1))
        ]
    return shapes + [
        fill(np.array([[0, y - 0.55], [0.45 + 0.35 * y, y], [-0.45 - 0.35 * y, y]]))
        for y in np.linspace(-0.45, 0.7, n - 2)
    ]


def ear(rng: np.random.Generator) -> list[Shape]:
    """Ears of grain or a leafy branch."""
    count, grains, plump = int(rng.integers(1, 4)), int(rng.integers(5, 10)), rng.uniform(0.06, 0.13)
    shapes: list[Shape] = []
    for lean in np.linspace(-0.4, 0.4, count) if count > 1 else [0.0]:
        stalk = [line(np.array([[0, 1], [0, -0.75]]), 0.04), *leaf(0, -0.7, 0.3, plump, -np.pi / 2)]
        for y in np.linspace(-0.65, 0.4, grains):
            stalk += leaf(0.03, y, 0.32, plump, -0.9) + leaf(-0.03, y, 0.32, plump, -np.pi + 0.9)
        shapes += moved(stalk, x=lean * 0.6, angle=lean)
    return shapes


def flower(rng: np.random.Generator) -> list[Shape]:
    """A flower on a stem with leaves."""
    n, bloom = int(rng.integers(5, 10)), rng.uniform(0.35, 0.5)
    shapes = [line(smooth(np.array([[0, -0.3], [rng.uniform(-0.2, 0.2), 0.3], [0, 1.0]]), False), 0.07)]
    shapes += [s for k in range(n) for s in leaf(0, -0.45, bloom, 0.16, k * 2 * np.pi / n)]
    shapes += [fill(ellipse(0, -0.45, 0.14)), groove(ellipse(0, -0.45, 0.14), 0.04, True)]
    return (
        shapes
        + leaf(0, 0.6, 0.6, 0.14, rng.uniform(-0.9, -0.3))
        + leaf(0, 0.7, 0.6, 0.14, np.pi + rng.uniform(0.3, 0.9))
    )


def land(rng: np.random.Generator) -> list[Shape]:
    """A map: a ragged country with rivers, islands and a capital."""
    shapes = [fill(blob(rng, 0.45, 14) * 0.95)]
    river = np.stack([np.linspace(-0.6, 0.6, 12), rng.normal(0, 0.12, 12).cumsum() * 0.6], 1)
    shapes += [groove(smooth(river, False), 0.04)]
    shapes += [
        fill(blob(rng) * rng.uniform(0.08, 0.2) + rng.uniform(-0.9, 0.9, 2)) for _ in range(int(rng.integers(1, 5)))
    ]
    return [*shapes, cut(ellipse(0.1, -0.1, 0.16)), fill(shifted(star(5, 0.4, 0.14), 0.1, -0.1))]


def emblem(rng: np.random.Generator) -> list[Shape]:
    """An abstract symmetric figure of smooth curves."""
    n, part = int(rng.integers(2, 7)), blob(rng, 0.35) * 0.48 + (0.5, 0)
    shapes = [
        s for k in range(n) for s in moved([fill(part), groove(part * 0.98, 0.03, True)], angle=k * 2 * np.pi / n)
    ]
    hollow = blob(rng) * 0.2 + (0.5, 0)
    return shapes + [s for k in range(n) for s in moved([cut(hollow)], angle=k * 2 * np.pi / n)]


LIVING = (portrait, portrait, bird, fish, beast, beast, tree, ear, flower, land, emblem)
