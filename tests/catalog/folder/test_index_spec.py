"""The setting of the index is one that can be built and searched, or is refused at the start with a reason."""

import numpy as np
import pytest

from catalog.folder.index.spec import FLAT, IndexSpec, SpecError, parse_spec
from ensemble.contract import EMBEDDING_SIZE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", FLAT),
        ("  ", FLAT),
        ("Flat", FLAT),
        (" SQ8 ", IndexSpec("SQ8", "SQ8", None)),
        ("HNSW32", IndexSpec("HNSW32", "HNSW32", None)),
        ("HNSW2:efSearch=7", IndexSpec("HNSW2:efSearch=7", "HNSW2", 7)),
        ("IVF,Flat", IndexSpec("IVF,Flat", "IVF,Flat", None)),
        ("IVF1,SQ8:nprobe=1", IndexSpec("IVF1,SQ8:nprobe=1", "IVF1,SQ8", 1)),
        ("IVF4096,PQ32:nprobe=64", IndexSpec("IVF4096,PQ32:nprobe=64", "IVF4096,PQ32", 64)),
    ],
)
def test_settings(text: str, expected: IndexSpec) -> None:
    assert parse_spec(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *["flat", "PQ32", "LSH", "HNSW", "HNSW0", "HNSW1", "HNSW-5", "HNSW32,Flat", "IVF0,Flat", "IVF00,Flat", "IVF"],
        *["IVF16", "IVF,", "IVF16,HNSW32", "Flat,Flat", "IDMap,Flat", "PCA32,Flat", "OPQ16,IVF16,PQ16", "IVF 16,Flat"],
        "HNSW٣٢",
    ],
)
def test_other_kinds_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"MINTMARK_INDEX is .*; an index is one of Flat, SQ8, HNSW<links>, IVF<lists>"):
        parse_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        *["Flat:", "Flat:nprobe=3", "SQ8:efSearch=3", "HNSW32:", "HNSW32:efSearch", "HNSW32:efSearch=", "HNSW32:ef=5"],
        *["HNSW32:nprobe=5", "HNSW32:efSearch=0", "HNSW32:efSearch=-1", "HNSW32:efSearch=5x", "IVF,Flat:efSearch=5"],
        *["IVF,Flat:nprobe=1.5", "IVF,Flat:nprobe=5:nprobe=6", "IVF,Flat:NPROBE=5", "IVF,PQ8:nprobe= 5"],
    ],
)
def test_other_parameters_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="HNSW may be followed by :efSearch=NUMBER, IVF by :nprobe=NUMBER"):
        parse_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        *(f"IVF16,PQ{bytes_}" for bytes_ in (0, EMBEDDING_SIZE - 1, 2 * EMBEDDING_SIZE)),
        "IVF99999999999,Flat",
        "HNSW99999999999",
    ],
)
def test_what_faiss_does_not_make(text: str) -> None:
    with pytest.raises(SpecError, match=f"MINTMARK_INDEX is '{text}', which Faiss does not make: ."):
        parse_spec(text)


@pytest.mark.parametrize(
    ("views", "lists"), [(0, 16), (1, 16), (1_000, 64), (100_000, 1024), (1_000_000, 2048), (10_000_000, 8192)]
)
def test_lists_that_suit_the_catalog(views: int, lists: int) -> None:
    assert parse_spec("IVF,PQ32:nprobe=64").factory_for(views) == f"IVF{lists},PQ32"


@pytest.mark.parametrize("text", ["Flat", "SQ8", "HNSW32", "IVF64,Flat", "IVF64,PQ8"])
def test_what_is_set_is_taken_as_it_is(text: str) -> None:
    assert parse_spec(text).factory_for(5) == parse_spec(text).factory_for(10**7) == text


@pytest.mark.parametrize(
    ("text", "lossy", "least"),
    [
        ("Flat", False, 39),
        ("HNSW32", False, 39),
        ("IVF,Flat", False, 39),
        ("IVF1000,Flat", False, 39_000),
        ("SQ8", True, 9_984),
        ("IVF100,SQ8", True, 9_984),
        ("IVF,PQ8", True, 9_984),
        ("IVF1000,PQ8", True, 39_000),
    ],
)
def test_what_a_kind_needs(text: str, lossy: bool, least: int) -> None:
    spec = parse_spec(text)
    assert (spec.lossy, spec.least_views()) == (lossy, least)


@pytest.mark.parametrize("text", ["Flat", "SQ8", "HNSW2", "IVF1,Flat", "IVF,SQ8"])
def test_the_least_of_a_kind_can_be_searched(text: str) -> None:
    index = parse_spec(text).empty(39)
    rows = np.eye(39, EMBEDDING_SIZE, dtype=np.float32)
    if not index.is_trained:
        index.train(rows)
    index.add_with_ids(rows, np.arange(39) + 5)
    assert index.search(rows[7:8], 1)[1].tolist() == [[12]]
