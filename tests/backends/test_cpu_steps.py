"""A server on CPUs answers as the graphs do, which run on GPUs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backends.cpu_steps import open_runner
from backends.openvino import opening
from backends.openvino.opening import open_session
from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import DECODE, ELLIPSE, EMBEDDER, EMBEDDING, FOUND, RELIEF, SCALE, ZOOM_WINDOW, Model
from ensemble.cpu import Cpu
from ensemble.graph import FIND_COIN
from tests.ensemble.geometry.test_ways import agreement

pytestmark = pytest.mark.slow

COINS = Path(__file__).resolve().parents[3] / "shared" / "coins"
ONE_CORE = Cpu(1, 1)
Answer = Callable[[bytes], Arrays]


def sample() -> list[Path]:
    """Photos of coins on tables, in hands and on scanners, spread over what there is."""
    folders = {"eur_phone": 20, "krw": 20}
    found = {name: sorted((COINS / name).rglob("*.jpg")) for name in folders}
    return [path for name, count in folders.items() for path in found[name][:: max(1, len(found[name]) // count)]]


def graph(model: Model) -> Runner:
    session = open_session(model, ONE_CORE)
    return lambda inputs, threads: session.run([inputs], threads)[0]


@pytest.fixture(scope="module")
def both() -> tuple[Answer, Answer]:
    """The chain of graphs, and that of a server on CPUs."""
    networks = {model: open_runner(model, ONE_CORE) for model in FIND_COIN if model is not DECODE}
    chains = (Chain(FIND_COIN, graph), Chain(FIND_COIN, networks.__getitem__))
    return chains[0].run, chains[1].run


def test_photos_of_coins(both: tuple[Answer, Answer]) -> None:
    """19 in 20 photos are framed and embedded alike but for rounding; in the others, a mask fell the other way."""
    paths = sample()
    if not paths:
        pytest.skip(f"no photos under {COINS}")
    moved, overlaps, cosines, reliefs = [], [], [], []
    for path in paths:
        first, second = (run(path.read_bytes()) for run in both)
        assert first[FOUND.name] == second[FOUND.name], path
        moved.append(np.abs(first[ZOOM_WINDOW.name] - second[ZOOM_WINDOW.name]).max())
        if first[FOUND.name]:
            scale = float(first[SCALE.name][0, 0])
            overlaps.append(agreement(first[ELLIPSE.name][0], second[ELLIPSE.name][0], scale))
            cosines.append(float(first[EMBEDDING.name][0] @ second[EMBEDDING.name][0]))
            reliefs.append(float((first[RELIEF.name][0, 0] * second[RELIEF.name][0, 0]).sum()))
    assert len(cosines) > 30
    assert np.quantile(moved, 0.95) < 1 and max(moved) < 10  # px
    assert min(overlaps) > 0.99
    # The phases of edges in it turn with a tenth of a pixel.
    assert np.quantile(cosines, 0.05) > 0.995 and min(cosines) > 0.99
    assert np.quantile(reliefs, 0.05) > 0.99 and min(reliefs) > 0.97


def test_an_embedding_has_unit_length_however_it_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rounded:
        def run(self, feeds: list[Arrays], threads: int | None) -> list[Arrays]:
            length = {"long": 1.004, "short": 0.996, "none": 0.0}[feeds[0]["which"].item()]
            return [{EMBEDDING.name: np.full((1, 64), length / 8, np.float32)}]

    monkeypatch.setattr(opening, "open_session", lambda *_: Rounded())
    run = open_runner(EMBEDDER, ONE_CORE)
    for which, length in (("long", 1.0), ("short", 1.0), ("none", 0.0)):
        [embedding] = run({"which": np.array(which)}, 1)[EMBEDDING.name]
        assert np.linalg.norm(embedding) == pytest.approx(length, abs=1e-6)
