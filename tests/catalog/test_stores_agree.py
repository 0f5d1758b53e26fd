"""The catalog of one machine and the one in Milvus give the same answers."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from catalog import Catalog, Enrolment, Entry, Match, Verification, View
from catalog.folder.store import FolderCatalog
from catalog.milvus.store import MilvusCatalog
from ensemble import artifacts
from ensemble.chain import Chain, Runner
from ensemble.contract import EMBEDDING, FOUND, Model
from ensemble.graph import FIND_COIN
from ensemble.parameters import Filters
from ensemble.verification import probability
from tests.catalog.milvus.servers import Server
from tests.catalog.samples import JUDGE, OWN, clustered, normalized, relief_maps, unit_vectors, verifying
from tests.catalog.stores import load

pytestmark = pytest.mark.milvus

COINS = Path(__file__).resolve().parents[3] / "shared" / "coins"
SCORE = 1e-5  # two sums of EMBEDDING_SIZE products of float32


def same_answers(
    one: Catalog,
    other: Catalog,
    queries: np.ndarray,
    k: int,
    filters: Filters,
    verification: Verification | None = None,
) -> int:
    """Compare answers by names; if two scores are almost equal, either may come first.

    Returns:
        How many matches there were.
    """
    matches = 0
    answers = (catalog.search(queries, k, filters, verification) for catalog in (one, other))
    for here, there in zip(*answers, strict=True):
        scores = [likelihood(match) for match in here]
        np.testing.assert_allclose([likelihood(match) for match in there], scores, atol=SCORE)
        expected = {match.entry.name: match for match in here}
        for match in there:
            if match.entry.name in expected:
                twin = expected[match.entry.name]
                assert (replace(match.entry, id=""), match.side) == (replace(twin.entry, id=""), twin.side)
                assert match.cosine == pytest.approx(twin.cosine, abs=SCORE)
                assert match.correlation == pytest.approx(twin.correlation, abs=SCORE)
                assert match.angle == twin.angle
            else:  # cut off at the end, where it is no better
                assert likelihood(match) == pytest.approx(scores[-1], abs=SCORE)
        matches += len(here)
    return matches


def likelihood(match: Match) -> float:
    """What is the same in both answers, place by place: the probability."""
    alone = float(JUDGE.log_odds(match.cosine, match.correlation))
    return float(probability(alone if match.log_odds is None else match.log_odds))


def test_the_stores_agree_on_verified_searches(milvus: Server, tmp_path: Path) -> None:
    """2,000 views of 500 entries; half have a map, and of each query some view is turned."""
    rng = np.random.default_rng(3)
    embeddings, maps = clustered(2000, 30, noise=0.8), relief_maps(2000, seed=3)
    owners = rng.integers(0, 500, 2000)
    entries = [
        Entry(f"coin {n}", f"C{n % 5}", "X", "1", metadata={"n": int(n % 7)}, id=f"coin-{n}") for n in range(500)
    ]
    here, there = FolderCatalog(tmp_path / "catalog", OWN), MilvusCatalog(milvus.location(), OWN)
    batch = [
        (
            Enrolment(("obverse", "reverse")[n % 2], entries[owner], entries[owner].id),
            View(embeddings[n], OWN, b"", maps[n] if n % 4 < 2 else None),
        )
        for n, owner in enumerate(owners)
    ]
    for catalog in (here, there):
        assert catalog.add(batch) == 2000
        assert catalog.status().without_relief == 1000
        for gone in range(0, 500, 50):
            if gone in owners:
                catalog.remove(f"coin-{gone}")
    targets = rng.integers(0, 2000, 6)
    queries = normalized(embeddings[targets] + 0.05 * unit_vectors(6, seed=8))
    for candidates, k, filters in (
        *((1000, 5, {}), (40, 5, {}), (1, 3, {}), (10_000, 5, {}), (100, 100, {})),
        *((300, 5, {"country": "C2"}), (1000, 5, {"side": "reverse", "metadata.n": "3"}), (20, 400, {"country": "C1"})),
        *((1000, 5, {"country": "C9"}),),
    ):
        verification = verifying(*maps[targets], degrees=135.0, candidates=candidates)
        found = same_answers(here, there, queries, k, filters, verification)
        assert (found > 0) == (filters != {"country": "C9"})
    here.close()
    there.close()


def test_the_stores_agree_on_100_000_random_vectors(milvus: Server, tmp_path: Path) -> None:
    embeddings, rng = unit_vectors(100_000), np.random.default_rng(2)
    countries, mints, years = (
        rng.integers(0, 5, 100_000),
        rng.integers(0, 100, 100_000),
        rng.integers(1900, 2000, 100_000),
    )
    entries = [
        Entry(f"coin {i}", f"C{countries[i]}", "X", "1", int(years[i]), metadata={"mint": int(mints[i])})
        for i in range(100_000)
    ]
    location = milvus.location()
    there, here = MilvusCatalog(location, OWN), FolderCatalog(tmp_path / "catalog", OWN)
    for catalog in (there, here):
        load(catalog, entries[:60_000], embeddings[:60_000], "obverse")
        load(catalog, entries[60_000:], embeddings[60_000:], "reverse")
    milvus.flush(location)
    queries = np.concatenate([unit_vectors(20, seed=1), embeddings[::10_000]])
    for filters, passing in (
        ({}, 100_000),
        ({"country": "C3"}, int((countries == 3).sum())),
        ({"side": "reverse"}, 40_000),
        ({"metadata.mint": "7"}, int((mints == 7).sum())),
        ({"year": "1950", "country": "C1"}, int(((years == 1950) & (countries == 1)).sum())),
        ({"country": "C9"}, 0),
    ):
        found = same_answers(here, there, queries, 10, filters)
        assert found == len(queries) * min(10, passing), filters
    assert same_answers(here, there, queries[:2], 1000, {"country": "C2"}) == 2000
    here.close()
    there.close()


@pytest.fixture(scope="module")
def photos() -> list[tuple[str, str, np.ndarray]]:
    """Labels, names and embeddings of some photos of won and euro coins in which a coin was found."""
    if not (COINS / "manifest.csv").is_file():
        pytest.skip("no real photos in ../shared/coins")
    with (COINS / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for name in ("krw", "eur-cat") for row in _spread([r for r in rows if r["set"] == name], 30)]
    chain = Chain(FIND_COIN, _opened)
    embedded = [(row, chain.run((COINS / row["path"]).read_bytes())) for row in chosen]
    return [
        (row["label"], row["path"], tensors[EMBEDDING.name][0])
        for row, tensors in embedded
        if tensors[FOUND.name][0, 0] > 0.5
    ]


def _spread(rows: list[dict[str, str]], count: int) -> list[dict[str, str]]:
    return rows[:: max(1, len(rows) // count)][:count]


def _opened(model: Model) -> Runner:
    graph = artifacts.plain_graph(model).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    outputs = [tensor.name for tensor in model.outputs]
    return lambda inputs, threads: dict(zip(outputs, session.run(outputs, inputs), strict=True))


def test_the_stores_agree_on_photos(photos: list[tuple[str, str, np.ndarray]], milvus: Server, tmp_path: Path) -> None:
    """Every second photo is a view of its coin, all are queries."""
    here, there = FolderCatalog(tmp_path / "catalog", OWN), MilvusCatalog(milvus.location(), OWN)
    for number, (label, _, embedding) in enumerate(photos[::2]):
        currency, _, denomination = label.partition("_")
        entry = Entry(label, currency[:2], currency, denomination, metadata={"label": label}, id=label)
        enrolment = Enrolment("obverse" if number % 2 else "reverse", entry, label)
        for catalog in (here, there):
            assert catalog.enroll(enrolment, View(embedding, OWN, b"")) == label
    queries = np.stack([embedding for _, _, embedding in photos])
    coins = len({label for label, _, _ in photos[::2]})
    assert coins > 5
    for k in (1, 5, 100):
        assert same_answers(here, there, queries, k, {}) == len(queries) * min(k, coins)
    for filters in ({"currency": "KRW"}, {"side": "obverse"}, {"metadata.label": "KRW_500"}):
        assert same_answers(here, there, queries, 5, filters) > 0
    here.close()
    there.close()
