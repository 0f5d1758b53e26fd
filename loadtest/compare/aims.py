"""The project's aims for Mintmark beside each contender, and whether a comparison reaches them."""

from typing import NamedTuple

from loadtest.compare.contenders.bare import Bare
from loadtest.compare.contenders.release import Release
from loadtest.compare.contenders.triton import Ensemble, Separate
from loadtest.compare.figures import MEASURES, Comparison
from loadtest.compare.rounds import ONNX, OPENVINO, PYTORCH, PYTORCH_TUNED


class Aim(NamedTuple):
    """A bound for Mintmark's figure over that of another contender."""

    other: str
    figure: str
    sign: str
    bound: float


# With one request under way (False), and with more (True).
AIMS: dict[bool, list[Aim]] = {
    False: [Aim(Bare.name, "p50 ms", "≤", 1.15), Aim(Release.name, "p50 ms", "≤", 0.65)],
    True: [
        Aim(Bare.name, "photos/s", "≥", 0.90),
        Aim(PYTORCH, "photos/s", "≥", 3.0),
        Aim(PYTORCH_TUNED, "photos/s", "≥", 2.0),
        Aim(OPENVINO, "photos/s", "≥", 1.0),
        Aim(OPENVINO, "p95 ms", "≤", 0.9),
        Aim(Release.name, "photos/s", "≥", 1.7),
        Aim(ONNX, "photos/s", "≥", 1.0),
        Aim(ONNX, "p95 ms", "≤", 1.0),
        Aim(Separate.name, "photos/s", "≥", 1.0),
        Aim(Separate.name, "p95 ms", "≤", 1.0),
    ],
}


def verdicts(comparison: Comparison) -> list[list[str]]:
    """A row for each aim: its bound, the measured ratio, whether it holds. Contenders that took no part have no row."""
    aims = [(aim, under_way) for under_way in comparison.concurrencies for aim in AIMS[under_way > 1]]
    return [_verdict(comparison, aim, under_way) for aim, under_way in aims if aim.other in comparison.names]


def _verdict(comparison: Comparison, aim: Aim, under_way: int) -> list[str]:
    ratio = comparison.ratio(Ensemble.name, aim.other, under_way, MEASURES[aim.figure])
    holds = ratio.median >= aim.bound if aim.sign == "≥" else ratio.median <= aim.bound
    title = f"{aim.figure} over {aim.other}, {under_way} under way"
    return [title, f"{aim.sign} {aim.bound:g}", str(ratio), "holds" if holds else "MISSED"]
