"""Metrics against cases worked out by hand, and against brute force."""

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mintmark import Ellipse
from mintmark.metrics import MISS, accepted_at, auroc, ellipse_iou, hit_ranks, recall_at_k, turned_back


def _unit(*degrees: float) -> npt.NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1), dtype=np.float32)


def test_hit_ranks() -> None:
    """The index is at 0 (a), 10 (b), 20 (b) and 90 (c) degrees."""
    index, labels = _unit(0, 10, 20, 90), ["a", "b", "b", "c"]
    ranks = hit_ranks(_unit(1, 1, 19, 1, 0) @ index.T, ["a", "b", "a", "c", "d"], labels)
    assert ranks.tolist() == [0, 1, 2, 3, MISS]


def test_ties_count_against_the_query() -> None:
    """Two equal pictures have different labels."""
    assert hit_ranks(_unit(0) @ _unit(0, 0).T, ["a"], ["a", "b"]).tolist() == [1]


def test_empty_index() -> None:
    """Nothing can be found in nothing."""
    assert hit_ranks(np.empty((1, 0), np.float32), ["a"], []).tolist() == [MISS]


def test_accepted_share_of_unknown_coins() -> None:
    """Of 100 known coins, scoring 0 to 99, the two lowest are refused."""
    known = np.arange(100.0)
    assert accepted_at(known, np.array([1.0, 2.0, 50.0, -5.0]), 0.02) == 0.5
    assert accepted_at(known, np.array([0.0]), 0.0) == 1.0
    with pytest.raises(ValueError):
        accepted_at(known, np.array([]), 0.02)


def test_recall() -> None:
    """Ranks start at 0, so recall@1 counts rank 0 only. A miss is beyond every k."""
    ranks = np.array([0, 1, 4, MISS])
    assert [recall_at_k(ranks, k) for k in (1, 2, 4, 5, 10**9)] == [0.25, 0.5, 0.5, 0.75, 0.75]
    with pytest.raises(ValueError):
        recall_at_k(np.array([], dtype=np.int64), 1)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [([3, 2], [1, 0], 1.0), ([0], [1], 0.0), ([1], [1], 0.5), ([2, 1], [1, 0], 3.5 / 4), ([1, 3], [2], 0.5)],
)
def test_auroc(positives: list[float], negatives: list[float], expected: float) -> None:
    """Pairs are counted by hand, ties half."""
    assert auroc(np.array(positives, float), np.array(negatives, float)) == pytest.approx(expected)


def test_auroc_by_brute_force() -> None:
    """It agrees with a count over all pairs, with many ties."""
    rng = np.random.default_rng(0)
    positives, negatives = rng.integers(0, 20, 300) + 2.0, rng.integers(0, 20, 200) + 0.0
    pairs = np.sign(positives[:, None] - negatives[None]) / 2 + 0.5
    assert auroc(positives, negatives) == pytest.approx(pairs.mean())
    with pytest.raises(ValueError):
        auroc(positives, negatives[:0])


CIRCLE = Ellipse(0, 0, 1, 1, 0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (CIRCLE, CIRCLE, 1.0),
        (CIRCLE, Ellipse(0, 0, 1, 1, 77), 1.0),
        (CIRCLE, Ellipse(0, 0, 2, 2, 0), 0.25),
        (CIRCLE, Ellipse(0, 0, 2, 1, 33), 0.5),
        (CIRCLE, Ellipse(2, 0, 1, 1, 0), 0.0),
        (CIRCLE, Ellipse(0, 3, 1, 1, 0), 0.0),
        (CIRCLE, Ellipse(0, 0, 1, 0, 0), 0.0),
        (Ellipse(5, 6, 3, 1, 20), Ellipse(5, 6, 3, 1, 200), 1.0),
        # a lens of two unit circles one radius apart: 2 pi / 3 - sqrt(3) / 2
        (CIRCLE, Ellipse(1, 0, 1, 1, 0), (2 * math.pi / 3 - 3**0.5 / 2) / (2 * math.pi - 2 * math.pi / 3 + 3**0.5 / 2)),
        # crossed ellipses of axes 2 and 1 share 4 a b atan(b / a)
        (Ellipse(0, 0, 2, 1, 10), Ellipse(0, 0, 2, 1, 100), 8 * math.atan(0.5) / (4 * math.pi - 8 * math.atan(0.5))),
    ],
)
def test_ellipse_iou(first: Ellipse, second: Ellipse, expected: float) -> None:
    """It agrees with closed forms, in either order."""
    assert ellipse_iou(first, second) == pytest.approx(expected, abs=1e-4)
    assert ellipse_iou(second, first) == pytest.approx(expected, abs=1e-4)


def test_ellipse_iou_as_opencv_draws() -> None:
    """The angle turns as in cv2.ellipse: the IoU agrees with counted pixels."""
    first, second = Ellipse(400, 380, 300, 120, 30), Ellipse(430, 400, 260, 150, 55)
    masks = []
    for one in (first, second):
        mask = np.zeros((800, 800), np.uint8)
        cv2.ellipse(mask, (int(one.cx), int(one.cy)), (int(one.a), int(one.b)), one.angle, 0, 360, (1,), -1)
        masks.append(mask.astype(bool))
    counted = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert ellipse_iou(first, second) == pytest.approx(counted, abs=0.005)


def test_photos_without_a_coin_are_never_accepted() -> None:
    """Not even where more known photos lack a coin than may be refused."""
    known, unknown = np.array([-np.inf, 5.0, 6.0]), np.array([-np.inf, -np.inf, 1.0, 7.0])
    assert accepted_at(known, unknown, 0.05) == 0.5


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_an_outline_is_turned_back_as_numpy_turned_the_photo(quarters: int) -> None:
    drawn = Ellipse(130.0, 70.0, 50.0, 30.0, 25.0)
    mask = np.zeros((200, 320), np.uint8)
    cv2.ellipse(mask, (130, 70), (50, 30), 25, 0, 360, (255,), -1)
    points = np.argwhere(np.rot90(mask, quarters) > 0)[:, ::-1].astype(np.float32)
    (cx, cy), (width, height), angle = cv2.fitEllipse(cv2.convexHull(np.ascontiguousarray(points)))
    back = turned_back(Ellipse(cx, cy, height / 2, width / 2, (angle + 90) % 180), quarters, 320, 200)
    assert ellipse_iou(back, drawn) > 0.97
    assert (back.cx, back.cy) == pytest.approx((130, 70), abs=0.5)
