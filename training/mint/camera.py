"""The camera: where coins on a table fall in a picture, and what a lens and a sensor do to it."""

from dataclasses import dataclass

import cv2
import numpy as np

from .relief import smooth_noise

Matrix = np.ndarray


@dataclass(frozen=True)
class Ellipse:
    """The rim of a coin in a picture: centre and semi-axes a >= b in px, angle of a in degrees as in cv2.ellipse."""

    cx: float
    cy: float
    a: float
    b: float
    angle: float

    def outline(self, n: int = 180) -> np.ndarray:
        """Points [n, 2] on the ellipse."""
        t = np.linspace(0, 2 * np.pi, n, endpoint=False)
        c, s = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        u, v = self.a * np.cos(t), self.b * np.sin(t)
        return np.stack([self.cx + c * u - s * v, self.cy + s * u + c * v], 1)


@dataclass(frozen=True)
class Camera:
    """Pinhole over a table whose length unit is the radius of the main coin at the origin."""

    matrix: Matrix  # [3, 4]: (x, y, height, 1) to homogeneous px
    eye: np.ndarray  # [3], position: x right, y down, z up

    def plane(self, height: float) -> Matrix:
        """Homography [3, 3] from the plane at `height` above the faces to px."""
        m = self.matrix
        return np.stack([m[:, 0], m[:, 1], m[:, 2] * height + m[:, 3]], 1)

    def sees(self, x: float, y: float) -> bool:
        """Whether a coin at x, y lies in front of the camera, not much nearer or farther than the main one."""
        depth = self.matrix[2] @ (x, y, 0, 1) / self.matrix[2, 3]
        return bool(0.65 < depth < 2.0)


def aim(cx: float, cy: float, radius: float, tilt: float, azimuth: float, distance: float) -> Camera:
    """A camera that sees the main coin at cx, cy with about `radius` px.

    `tilt` from the vertical and its `azimuth` in radians, `distance` in radii of the coin.
    """
    c, s = np.cos(azimuth), np.sin(azimuth)
    toward = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    lean = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    rotation = toward.T @ lean @ toward @ np.diag([1, 1, -1])  # the camera looks along +z, heights count against it
    focal = radius * distance
    intrinsic = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])
    shift = np.array([0, 0, distance])
    return Camera(intrinsic @ np.column_stack([rotation, shift]), -rotation.T @ shift)


def project_circle(homography: Matrix) -> Ellipse:
    """Image of the unit circle: the conic H^-T diag(1, 1, -1) H^-1 (Hartley and Zisserman 2003, result 2.13)."""
    inverse = np.linalg.inv(homography)
    conic = inverse.T @ np.diag([1.0, 1.0, -1.0]) @ inverse
    centre = np.linalg.solve(conic[:2, :2], -conic[:2, 2])
    level = conic[2, 2] + conic[2, :2] @ centre
    values, vectors = np.linalg.eigh(conic[:2, :2] / -level)
    axes = 1 / np.sqrt(values)  # ascending values: the first axis is the longer
    angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])) % 180
    return Ellipse(float(centre[0]), float(centre[1]), float(axes[0]), float(axes[1]), float(angle))


@dataclass(frozen=True)
class Quality:
    """Faults of the camera: the largest amounts that are drawn."""

    blur: float  # px, standard deviation, per 256 px of picture
    motion: float  # px, length of the smear, per 256 px of picture
    noise: float  # of full scale, standard deviation
    cast: float  # spread of the colour channels' gains
    jpeg: int  # lowest JPEG quality
    exposure: tuple[float, float]  # range of the coin's mean brightness, linear


STUDIO = Quality(blur=0.5, motion=0.0, noise=0.006, cast=0.03, jpeg=85, exposure=(0.25, 0.5))
PHONE = Quality(blur=1.6, motion=3.0, noise=0.045, cast=0.17, jpeg=35, exposure=(0.05, 0.55))


def _smear(picture: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    size = int(length) | 1
    if size < 3:
        return picture
    kernel = np.zeros((size, size), np.float32)
    angle, middle = rng.uniform(0, np.pi), size // 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    ends = [np.rint(middle + sign * reach).astype(int).tolist() for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], (1.0,), 1, cv2.LINE_AA)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def expose(picture: np.ndarray, brightness: float, quality: Quality, rng: np.random.Generator) -> np.ndarray:
    """Linear light [h, w, 3] to the uint8 RGB that the phone saves; `brightness`: current mean of the coin, linear."""
    unit = max(picture.shape[:2]) / 256
    if rng.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.3 + unit * quality.blur * rng.beta(1, 3))
    if rng.random() < 0.25:
        picture = _smear(picture, unit * quality.motion * rng.random(), rng)
    gain = np.exp(rng.uniform(*np.log(quality.exposure))) / max(brightness, 1e-3)
    gains = gain * np.exp(rng.normal(0, quality.cast, 3))
    encoded = np.sqrt(np.clip(picture * gains.astype(np.float32), 0, 1))  # gamma 2 stands in for sRGB
    contrast, knee = rng.uniform(0.8, 1.25), rng.uniform(0.3, 0.6)
    encoded = (encoded - np.float32(knee)) * np.float32(contrast) + np.float32(knee)
    sigma = quality.noise * rng.beta(1, 2)
    encoded += np.float32(sigma) * rng.standard_normal(encoded.shape, dtype=np.float32)
    saved = (np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)
    level = int(rng.integers(quality.jpeg, 96))
    _, data = cv2.imencode(".jpg", saved[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, level])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def uneven(size: int, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness of light that falls unevenly on the scene, [size, size]."""
    return np.exp(np.float32(amount) * smooth_noise(rng, size, 2))
