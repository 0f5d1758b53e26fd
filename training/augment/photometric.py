"""Light, lens and sensor: changes that leave every pixel where it is."""

import cv2
import numpy as np


def recolour(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Random gains, contrast, gamma, saturation, blur, loss of resolution and noise; float32 out."""
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2) * picture.shape[0] / 128)
    elif rng.random() < 0.15:
        small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    x = picture.astype(np.float32)
    if rng.random() < 0.3:
        grey = x.mean(2, keepdims=True)
        x = grey + np.float32(rng.uniform(0, 1.4)) * (x - grey)
    cast = 0.35 if rng.random() < 0.3 else 0.07  # lamps of one colour, and cameras that trust them
    gains = np.exp(rng.normal(0, 0.12 * strength) + rng.normal(0, cast * strength, 3)).astype(np.float32)
    x = (x - 110) * np.float32(np.exp(rng.normal(0, 0.15 * strength))) + 110
    x = np.clip(x * gains, 0, 255)
    if rng.random() < 0.3:
        x = 255 * np.power(x / 255, np.float32(np.exp(rng.normal(0, 0.25 * strength))))
    if rng.random() < 0.2:
        x = shadow(x, rng)
    draw = rng.random()
    if draw < 0.25:
        x = x + np.float32(rng.uniform(0, 10)) * rng.standard_normal(x.shape, dtype=np.float32)
    elif draw < 0.4:
        x = iso_noise(x, rng)
    return np.clip(x, 0, 255)


def iso_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise of a sensor at high gain: it grows with the root of the light; its colour is blotched over pixels."""
    grain = rng.standard_normal(picture.shape, dtype=np.float32)
    blotch = cv2.GaussianBlur(rng.standard_normal(picture.shape, dtype=np.float32), (0, 0), 1.2)
    light = np.sqrt(np.clip(picture, 0, 255) / np.float32(255)) + np.float32(0.15)
    shot, colour = np.float32(rng.uniform(2, 14)), np.float32(rng.uniform(0, 25))
    return np.clip(picture + light * (shot * grain.mean(2, keepdims=True) + colour * blotch), 0, 255)


def shadow(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The soft shadow of a hand or a phone that crosses the picture."""
    h, w = picture.shape[:2]
    angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    v, u = np.mgrid[:h, :w].astype(np.float32)
    along = (u / w - 0.5) * np.float32(np.cos(angle)) + (v / h - 0.5) * np.float32(np.sin(angle))
    share = 0.5 - 0.5 * np.tanh((along - np.float32(edge)) / np.float32(rng.uniform(0.02, 0.3)))
    return picture * (1 - np.float32(rng.uniform(0.15, 0.6)) * share[..., None])
