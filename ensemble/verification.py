"""Decides among candidates: how well the reliefs of two coins lie on each other, and how likely they are the same.

A relief map holds the harmonics of rings of a coin. The products of two coins' harmonics, transformed back, are their
correlation at every turn, and the best turn counts (circular correlation: Kuglin and Hines 1975 for the plane). Trials
of a query that are a little larger, smaller or off its centre make up for outlines that are a few pixels off.

Arrays are numpy's, or CuPy's on a GPU: `xp` is the module that they are of.
"""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

LARGEST = 127  # of a stored map's numbers
TURNS = 256  # at which maps are compared; maps have 20 harmonics, so finer turns would gain nothing
FIRST_TURNS, FIRST_HARMONICS = 64, 8  # of the quick look at all candidates, which has one trial
DEEP = 50  # candidates that are compared with all trials
RIVALS = 6  # of these, the most likely, that are compared with each other
PLACES = 64  # samples of a ring when rivals are compared
FOCUS = 2  # squarings of the squared difference between two rivals: the places where they differ most count most
LEAST = 0.005  # largest number of a map below which it is rounding alone: of 2,400 numbers of unit length one has 0.02
ORIENTATIONS = 5  # numbers of one place of a ring
NOT_COMPARED = -2.0  # correlation of a view without a relief map
_DEGREES = 360.0


@dataclass(frozen=True)
class Judge:
    """From the similarities of two coins to the probability that they show the same face of the same kind of coin.

    Log odds that are linear in the similarities (logistic regression), fitted by `training.judge`.

    Attributes:
        cosine: weight of the cosine of the embeddings.
        correlation: weight of the correlation of the relief maps.
        advantage: weight of the advantage over rivals.
        offset: log odds where all are zero.
        cosine_alone, offset_alone: the same for a view that has no relief map.
        known: probability from which a match counts as known.
    """

    cosine: float
    correlation: float
    advantage: float
    offset: float
    cosine_alone: float
    offset_alone: float
    known: float

    @classmethod
    def from_json(cls, text: str) -> "Judge":
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """The numbers as a JSON object."""
        return json.dumps(asdict(self), indent=2)

    def log_odds(self, cosine: Any, correlation: Any, xp: Any = np) -> Any:
        """Log odds of pairs, without any rival.

        Args:
            cosine: [...] of their embeddings.
            correlation: [...] of their relief maps; NOT_COMPARED where there are none.
            xp: module of the arrays.
        """
        both = self.cosine * cosine + self.correlation * correlation + self.offset
        alone = self.cosine_alone * cosine + self.offset_alone
        return xp.where(correlation > NOT_COMPARED, both, alone)


def probability(log_odds: Any) -> np.ndarray:
    """Probabilities, 0 to 1, of log odds [...]."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds, np.float64))))


@dataclass(frozen=True)
class Verdict:
    """What a comparison of a query with [N] candidates says of each.

    Attributes:
        log_odds: that it is the same face of the same kind of coin; candidates are ranked by them.
        correlation: of the relief maps, -1 to 1; NOT_COMPARED where a candidate has none.
        angle: degrees by which the candidate is turned clockwise to lie as in the query; 0 without a map.
    """

    log_odds: Any
    correlation: Any
    angle: Any


def stored(relief: np.ndarray) -> np.ndarray:
    """A relief map as catalogs keep it.

    Args:
        relief: [harmonics, numbers] float32.

    Returns:
        The same shape, int8. All zero if the coin has no edges.
    """
    largest = float(np.abs(relief).max())
    scale = LARGEST / largest if largest > LEAST else 0.0
    return np.asarray(np.rint(relief * scale), np.int8)


def verify(trials: Any, cosines: Any, maps: Any, judge: Judge, xp: Any = np) -> Verdict:
    """Compare a query with its candidates: a quick look at all, all trials for the DEEP most likely, then the RIVALS.

    Args:
        trials: [T, harmonics, numbers] float32, the relief maps of the query's trials.
        cosines: [N] float32, of the embeddings.
        maps: [N, harmonics, numbers] int8; zeros where a candidate has none.
        judge: says what is likely.
        xp: module of the arrays.
    """
    there = maps.reshape(len(maps), -1).any(1)
    if len(maps) > DEEP:
        few = slice(0, FIRST_HARMONICS)
        found, angles, _ = correlations(trials[:1, few], maps[:, few], FIRST_TURNS, xp)
        found = xp.where(there, found, xp.float32(NOT_COMPARED))
        likely = xp.argsort(-judge.log_odds(cosines, found, xp))[:DEEP]
    else:
        found, angles = (xp.zeros(len(maps), xp.float32) for _ in range(2))
        likely = xp.arange(len(maps))
    closer, turned, best = correlations(trials, maps[likely], TURNS, xp)
    found[likely], angles[likely] = xp.where(there[likely], closer, xp.float32(NOT_COMPARED)), turned
    log_odds = judge.log_odds(cosines, found, xp)
    order = xp.argsort(-xp.where(there[likely], log_odds[likely], -xp.inf))[:RIVALS]
    rivals = likely[order]
    over = advantages(trials[best[order]], maps[rivals], angles[rivals], xp)
    log_odds[rivals] += judge.advantage * xp.where(there[rivals], over, xp.float32(0))
    return Verdict(log_odds, found, xp.where(there, angles, xp.float32(0)))


def correlations(trials: Any, maps: Any, turns: int = TURNS, xp: Any = np) -> tuple[Any, Any, Any]:
    """Compare a query with stored maps at every turn.

    Args:
        trials: [T, harmonics, numbers] float32, the relief maps of the query's trials.
        maps: [N, harmonics, numbers] int8. Fewer harmonics than they have may be given of both.
        turns: samples of a full turn.
        xp: module of the arrays.

    Returns:
        Correlation [N] float32, -1 to 1, that of the best trial and turn; that turn [N] float32, degrees by which the
        stored coin is turned clockwise to lie as in the query; and the number [N] of that trial. A map of zeros has the
        correlation 0.
    """
    harmonics, half = trials.shape[1], trials.shape[2] // 2
    values = maps.astype(xp.float32)
    length = xp.sqrt(xp.einsum("nhd,nhd->n", values, values))
    real, imaginary = trials[..., :half], trials[..., half:]
    # Real and imaginary parts of the query's harmonics times the conjugate ones of the maps, summed over the rings.
    products = xp.stack([xp.concatenate([real, imaginary], 2), xp.concatenate([imaginary, -real], 2)], 3)
    products = products / xp.sqrt((trials * trials).sum((1, 2)) + 1e-4)[:, None, None, None]
    products = products.transpose(1, 2, 0, 3).reshape(harmonics, 2 * half, -1)
    waves = xp.matmul(values.transpose(1, 0, 2), products)  # [harmonics, N, 2 T]
    waves = waves.reshape(harmonics, len(maps), len(trials), 2).transpose(1, 2, 3, 0).reshape(-1, 2 * harmonics)
    curves = (waves @ _waves(harmonics, turns, xp)).reshape(len(maps), len(trials) * turns)
    best = curves.argmax(1)
    highest = xp.take_along_axis(curves, best[:, None], 1)[:, 0] / xp.maximum(length, 1e-6)
    return highest, (best % turns).astype(xp.float32) * xp.float32(_DEGREES / turns), best // turns


def advantages(queries: Any, maps: Any, angles: Any, xp: Any = np) -> Any:
    """Compare rivals where they differ from each other: of two coins that share all but a numeral, it decides.

    Of each pair, only the places count where their maps differ most. There, each has its own correlation with the
    query, and the difference of the two is an advantage of one over the other. It counts as much as the two are alike.

    Args:
        queries: [N, harmonics, numbers] float32, for each rival the query's trial that fits it best.
        maps: [N, harmonics, numbers] int8, of the rivals.
        angles: [N] degrees by which each is turned to lie as in the query.
        xp: module of the arrays.

    Returns:
        [N] float32, the sum of each rival's advantages over the others.
    """
    own = _unrolled(_turned(maps.astype(xp.float32), angles, xp), xp)  # [N, orientations, places, radii]
    seen = _unrolled(queries, xp)
    products, squares, query_squares = (
        (one * two).sum(1).reshape(len(maps), -1) for one, two in ((own, seen), (own, own), (seen, seen))
    )
    first, second = np.triu_indices(len(maps), 1)  # [P] pairs
    gap = own[first] - own[second]
    gaps = (gap * gap).sum(1)  # [P, places, radii]
    turn = xp.concatenate([gaps[:, -2:], gaps, gaps[:, :2]], 1)
    gaps = turn[:, :-4] + turn[:, 1:-3] + turn[:, 2:-2] + turn[:, 3:-1] + turn[:, 4:]
    edged = xp.concatenate([gaps[..., :1], gaps, gaps[..., -1:]], 2)
    gaps = (edged[..., :-2] + edged[..., 1:-1] + edged[..., 2:]).reshape(len(first), products.shape[1])
    weights = gaps / (gaps.max(1, keepdims=True) + 1e-12)
    for _ in range(FOCUS):
        weights = weights * weights

    def fit(rivals: np.ndarray) -> Any:
        """Correlation [P] of one of each pair with the query, at the places that count."""
        length = (weights * squares[rivals]).sum(1) * (weights * query_squares[rivals]).sum(1)
        return (weights * products[rivals]).sum(1) / (xp.sqrt(length) + 1e-12)

    flat = own.reshape(len(maps), -1)
    alike = xp.maximum((flat @ flat.T)[first, second], 0)
    signs = np.zeros((len(maps), len(first)), np.float32)  # who gains by a pair, and who loses
    signs[first, range(len(first))], signs[second, range(len(first))] = 1, -1
    return xp.asarray(signs) @ (alike * (fit(first) - fit(second))).astype(xp.float32)


def _turned(maps: Any, angles: Any, xp: Any) -> Any:
    """The maps [N, harmonics, numbers] float32 of coins that are turned clockwise by [N] degrees."""
    harmonics, half = maps.shape[1], maps.shape[2] // 2
    phase = xp.radians(angles)[:, None] * xp.arange(1, harmonics + 1, dtype=xp.float32)
    cosine, sine = xp.cos(phase)[..., None], xp.sin(phase)[..., None]
    real, imaginary = maps[..., :half], maps[..., half:]
    return xp.concatenate([real * cosine + imaginary * sine, imaginary * cosine - real * sine], 2)


def _unrolled(maps: Any, xp: Any) -> Any:
    """Maps [N, harmonics, numbers] as rings [N, ORIENTATIONS, PLACES, radii] float32, of unit length."""
    harmonics, half = maps.shape[1], maps.shape[2] // 2
    waves = xp.concatenate([maps[..., :half], maps[..., half:]], 1)
    rings = xp.matmul(_waves(harmonics, PLACES, xp).T, waves)
    length = xp.sqrt((rings * rings).sum((1, 2), keepdims=True)) + 1e-12
    rings = (rings / length).reshape(len(maps), PLACES, -1, ORIENTATIONS)
    return xp.ascontiguousarray(rings.transpose(0, 3, 1, 2))


@lru_cache
def _waves(harmonics: int, turns: int, xp: Any) -> Any:
    """[2 * harmonics, turns] float32: from real and imaginary parts to the correlation at every turn."""
    phase = 2 * np.pi / turns * np.outer(np.arange(1, harmonics + 1), np.arange(turns))
    return xp.asarray(np.concatenate([np.cos(phase), -np.sin(phase)]), xp.float32)
