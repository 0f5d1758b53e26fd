"""Photos of coins on a table, with exact masks and ellipses of the coins' upper faces."""

from dataclasses import dataclass

import cv2
import numpy as np

from .background import SURFACES, Picture, clutter, plain
from .blanks import points
from .camera import PHONE, STUDIO, Camera, Ellipse, Quality, aim, expose, project_circle, uneven
from .light import Lighting, draw_lighting, shade
from .relief import MAP_RADIUS, MAP_SIZE
from .specimen import Specimen
from .staging import Staging, finish, holder, mirrored

HEAP_SHARE = 0.5  # of the photos with several coins: the coins touch
_SHIFT = 4  # fractional bits of cv2's drawing coordinates
_NO_RIM = Ellipse(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Shot:
    """How a photo is taken."""

    height: int  # px
    width: int  # px
    coin: tuple[float, float]  # range of the main coin's radius, as a share of the shorter side
    tilt: float  # most, degrees
    studio: bool = False  # even light on a plain ground
    spread: float = 0.15  # how far the main coin may lie off the centre, as a share of the room left
    quality: Quality = PHONE


CATALOG = Shot(320, 320, (0.40, 0.46), 3.0, studio=True, spread=0.1, quality=STUDIO)
QUERY = Shot(320, 320, (0.20, 0.46), 32.0, spread=0.8)


@dataclass(frozen=True)
class Photo:
    """A rendered photo. The main coin is the first specimen, and the largest on the table."""

    picture: np.ndarray  # [h, w, 3] RGB
    mask: np.ndarray  # [h, w], 255 on the upper face of the main coin
    all_coins: np.ndarray  # [h, w], 255 on the upper face of any coin
    ellipse: Ellipse  # rim of the main coin; all zero where there is no coin


@dataclass(frozen=True)
class _Place:
    x: float  # radii of the main coin
    y: float
    radius: float
    angle: float  # radians, clockwise

    def on(self, plane: np.ndarray) -> np.ndarray:
        """Homography from the coin's own coordinates to px."""
        c, s = self.radius * np.cos(self.angle), self.radius * np.sin(self.angle)
        return plane @ np.array([[c, -s, self.x], [s, c, self.y], [0, 0, 1]])


def _places(count: int, rng: np.random.Generator, reach: float, upright: bool, nearest: float = 1.0) -> list[_Place]:
    """The main coin at the origin and up to `count` smaller ones: apart, or in a heap where they touch.

    `nearest`: least distance of two coins of a heap over the sum of their radii; below 1 they lie on each other.
    """
    heap = rng.random() < HEAP_SHARE
    places = [_Place(0, 0, 1, rng.normal(0, 0.05) if upright else rng.uniform(0, 2 * np.pi))]
    for _ in range(6 * count):
        if len(places) > count:
            break
        radius = rng.uniform(0.55, 0.97)
        x, y = _beside(places, radius, rng, nearest) if heap else rng.uniform(-reach, reach, 2)
        if all(np.hypot(x - p.x, y - p.y) > (nearest if heap else 1.04) * (radius + p.radius) for p in places):
            places.append(_Place(x, y, radius, rng.uniform(0, 2 * np.pi)))
    return places


def _beside(places: list[_Place], radius: float, rng: np.random.Generator, nearest: float) -> tuple[float, float]:
    """A place where a coin of this radius touches, or almost touches, one that lies there."""
    other, turn = places[int(rng.integers(len(places)))], rng.uniform(0, 2 * np.pi)
    distance = (radius + other.radius) * (nearest + rng.uniform(0.001, 0.05))
    return other.x + distance * np.cos(turn), other.y + distance * np.sin(turn)


def _polygon(points: np.ndarray) -> np.ndarray:
    return np.rint(points * 2**_SHIFT).astype(np.int32)


def _cover(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Coverage 0 … 255 of a polygon."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [_polygon(points)], (255,), cv2.LINE_AA, _SHIFT)
    return mask


def _rim(specimen: Specimen, homography: np.ndarray, n: int = 180) -> np.ndarray:
    """The coin's outline in px, [m, 2]."""
    if specimen.outline is None:
        return project_circle(homography).outline(n)
    corners = points(specimen.outline)
    seen = np.column_stack([corners, np.ones(len(corners))]) @ homography.T
    return seen[:, :2] / seen[:, 2:]


def _hull(*outlines: np.ndarray) -> np.ndarray:
    return cv2.convexHull(np.concatenate(outlines).astype(np.float32))[:, 0].astype(np.float64)


def _blend(picture: Picture, cover: np.ndarray, paint: Picture | np.ndarray) -> None:
    """Lay paint over the picture where it is covered, in place."""
    x, y, w, h = cv2.boundingRect(cover)
    if w == 0:
        return
    box = np.s_[y : y + h, x : x + w]
    alpha = cover[box][..., None].astype(np.float32) / 255
    layer = paint[box] if paint.ndim == 3 else paint.astype(np.float32)
    picture[box] += alpha * (layer - picture[box])


def _shadow(picture: Picture, specimen: Specimen, camera: Camera, lighting: Lighting, place: _Place) -> None:
    """Darken the table where each lamp's light is kept off, softly."""
    plane = camera.plane(-specimen.thickness * place.radius)
    base = project_circle(place.on(plane))
    total = lighting.ambient + sum(lamp.strength * lamp.direction[2] for lamp in lighting.lamps)
    for lamp in lighting.lamps:
        throw = -lamp.direction[:2] / max(lamp.direction[2], 0.3) * specimen.thickness * place.radius
        moved = _Place(place.x + throw[0], place.y + throw[1], place.radius, place.angle)
        hull = _hull(_rim(specimen, place.on(plane), 60), _rim(specimen, moved.on(plane), 60))
        rows, columns = picture.shape[:2]
        cover = _cover(hull / 2, (rows // 2, columns // 2))
        cover = cv2.GaussianBlur(cover, (0, 0), 0.4 + base.a * (0.01 + 0.07 * lamp.spread))
        cover = cv2.resize(cover, (columns, rows), interpolation=cv2.INTER_LINEAR)
        share = 0.85 * lamp.strength * lamp.direction[2] / total
        picture *= 1 - np.float32(share / 255) * cover[..., None].astype(np.float32)


def _wall(
    specimen: Specimen, camera: Camera, place: _Place, top: Ellipse, picture: Picture, rng: np.random.Generator
) -> None:
    """The side of the coin where the tilt shows it."""
    plane = camera.plane(-specimen.thickness * place.radius)
    base = project_circle(place.on(plane))
    if np.hypot(top.cx - base.cx, top.cy - base.cy) < 0.4:
        return
    tone = specimen.colour.mean((0, 1)) * rng.uniform(0.15, 0.9)
    hull = _hull(_rim(specimen, place.on(camera.plane(0)), 90), _rim(specimen, place.on(plane), 90))
    cover = _cover(hull, (picture.shape[0], picture.shape[1]))
    _blend(picture, cover, tone)
    if specimen.reeds and specimen.outline is None:
        upper, lower = top.outline(2 * specimen.reeds), base.outline(2 * specimen.reeds)
        reeds = np.zeros_like(cover)
        for p, q in zip(_polygon(upper)[::2], _polygon(lower)[::2], strict=True):
            cv2.line(reeds, p.tolist(), q.tolist(), (130,), 1, cv2.LINE_AA, _SHIFT)
        _blend(picture, np.minimum(reeds, cover), tone * 0.3)


def _face(
    specimen: Specimen,
    lighting: Lighting,
    camera: Camera,
    place: _Place,
    rim: Ellipse,
    shape: tuple[int, int],
    staging: Staging,
) -> Picture:
    """The shaded face, warped into the picture's frame."""
    size = int(np.clip(2.3 * rim.a, 24, MAP_SIZE))
    eye = (camera.eye - (place.x, place.y, 0)) / place.radius
    colours = shade(specimen, lighting, eye, place.angle, size)
    if staging.reflection is not None:
        colours = mirrored(colours, specimen, staging.reflection, staging.polish)
    scale = MAP_SIZE / size / MAP_RADIUS
    to_coin = np.array([[scale, 0, -scale * (size - 1) / 2], [0, scale, -scale * (size - 1) / 2], [0, 0, 1]])
    matrix = place.on(camera.plane(0)) @ to_coin
    return cv2.warpPerspective(colours, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _ground(shot: Shot, things: int, rng: np.random.Generator) -> Picture:
    size = max(shot.height, shot.width)
    surface = plain if shot.studio else SURFACES[int(rng.integers(len(SURFACES)))]
    picture = np.ascontiguousarray(surface(rng, size)[: shot.height, : shot.width], np.float32)
    if shot.studio and rng.random() < 0.7:
        picture = np.full_like(picture, rng.uniform(0.6, 1.0))
    clutter(picture, things, rng)
    return picture


def _camera(shot: Shot, rng: np.random.Generator, cut: float) -> Camera:
    short = min(shot.height, shot.width)
    radius = short * np.exp(rng.uniform(*np.log(shot.coin)))
    room = np.array([shot.width, shot.height]) / 2 - radius * 1.03
    cx, cy = np.array([shot.width, shot.height]) / 2 - 0.5 + shot.spread * rng.uniform(-1, 1, 2) * np.maximum(room, 0)
    if cut > 0:  # over one edge of the photo
        cx, cy = _over_edge(shot, radius, cut, rng, (cx, cy))
    tilt = np.radians(shot.tilt) * rng.beta(1.2, 1.6)
    focal = max(shot.height, shot.width) * np.exp(rng.uniform(np.log(0.9), np.log(2.5)))  # px; a phone has about 0.8
    return aim(cx, cy, radius, tilt, rng.uniform(0, 2 * np.pi), max(focal / radius, 5.0))


def _over_edge(
    shot: Shot, radius: float, cut: float, rng: np.random.Generator, centre: tuple[float, float]
) -> tuple[float, float]:
    """A centre from which the coin reaches beyond an edge by up to `cut` of its radius."""
    cx, cy = centre
    inside = radius * (1 - cut * rng.random())
    side = int(rng.integers(4))
    if side % 2:
        return (inside if side == 1 else shot.width - inside), cy
    return cx, (inside if side == 0 else shot.height - inside)


def _separate(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The union of two masks with a line of background where they would touch, taken from both."""
    square = np.ones((3, 3), np.uint8)
    return (own & ~cv2.dilate(others, square)) | (others & ~cv2.dilate(own, square))


def _lay(own: np.ndarray, others: np.ndarray, overlapping: bool) -> np.ndarray:
    """The union of a coin's mask and those below or beside it, with a line of background between them."""
    if not overlapping:
        return _separate(own, others)
    return own | (others & ~cv2.dilate(own, np.ones((5, 5), np.uint8)))


def photograph(
    specimens: list[Specimen],
    shot: Shot,
    rng: np.random.Generator,
    things: int = 0,
    staging: Staging = Staging(),  # noqa: B008  immutable
) -> Photo:
    """A photo of coins, if any: the first is the main one, the others are smaller.

    Args:
        specimens: the coins.
        shot: how the photo is taken.
        rng: of everything that is drawn.
        things: count of other objects.
        staging: what real tables have besides.
    """
    shape = (shot.height, shot.width)
    lighting, camera = draw_lighting(rng, shot.studio), _camera(shot, rng, staging.cut)
    picture = _ground(shot, things, rng) if staging.ground is None else staging.ground.copy()
    light = lighting.ambient + sum(lamp.strength * lamp.direction[2] for lamp in lighting.lamps)
    # Relative to the coins, which set the exposure.
    picture *= np.float32(light * rng.uniform(*((0.7, 2.8) if staging.ground is None else (0.3, 2.4))))
    all_coins, main, rim = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), _NO_RIM
    main_size = np.sqrt(abs(np.linalg.det(camera.plane(0)[:2, :2] / camera.plane(0)[2, 2])))
    places = _places(len(specimens) - 1, rng, max(shape) / main_size, shot.studio, staging.nearest)
    pairs = zip(places, specimens, strict=False)
    seen = [(place, specimen) for place, specimen in pairs if camera.sees(place.x, place.y)]
    rims = [project_circle(place.on(camera.plane(0))) for place, _ in seen]
    for place, _ in seen if staging.holder else ():
        holder(picture, staging.holder, place.on(camera.plane(0)), light, rng)
    # Walls and shadows come first, so that none of a neighbour falls on a face.
    for place, specimen in seen:
        _shadow(picture, specimen, camera, lighting, place)
    bare = picture.copy() if any(specimen.hole for _, specimen in seen) else picture
    for (place, specimen), top in zip(seen, rims, strict=True):
        _wall(specimen, camera, place, top, picture, rng)
    for (place, specimen), top in zip(seen, rims, strict=True):
        cover = _cover(_rim(specimen, place.on(camera.plane(0))), shape)
        solid = np.where(cover > 127, 255, 0).astype(np.uint8)
        face = _face(specimen, lighting, camera, place, top, shape, staging)
        _blend(picture, cover, face)
        if specimen.hole:
            size = specimen.hole * place.radius
            hole = project_circle(_Place(place.x, place.y, size, 0).on(camera.plane(0)))
            _blend(picture, _cover(hole.outline(), shape), bare * np.float32(rng.uniform(0.4, 0.9)))
        all_coins = _lay(solid, all_coins, staging.nearest < 1)
        if rim is _NO_RIM:
            main, rim = solid, top
    if not shot.studio:
        picture *= uneven(max(shape), 0.12, rng)[: shape[0], : shape[1], None]
    finish(picture, staging, rng)
    brightness = float(cv2.mean(picture, main)[1]) if rim is not _NO_RIM else float(picture.mean())
    return Photo(expose(picture, brightness, shot.quality, rng), main, all_coins, rim)
