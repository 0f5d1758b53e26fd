"""Which store a location names, and what opening one asks for."""

from pathlib import Path

import pytest

from catalog import Makers, Status, open_catalog, open_configured
from catalog.folder.index.spec import SpecError
from catalog.folder.kind import FOLDER
from catalog.kind import StoreKind
from catalog.milvus.kind import MILVUS
from catalog.opening import KINDS, kind_of
from ensemble import variables
from ensemble.errors import CatalogError

MAKERS = Makers("model", "mapper")


def test_open_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(tmp_path / "deep" / "folder")
    monkeypatch.setenv("MINTMARK_CATALOG", folder)
    monkeypatch.setenv("MINTMARK_INDEX", "HNSW16")
    opened = [open_configured(MAKERS), open_catalog(folder, MAKERS), open_catalog(folder, MAKERS, index="SQ8")]
    for catalog, kind in zip(opened, ("HNSW16", "Flat", "SQ8"), strict=True):
        assert catalog.status() == Status(0, 0, 0, 0, {"kind": kind})
        catalog.close()
    with pytest.raises(ValueError, match="MINTMARK_CATALOG"):
        open_catalog("", MAKERS)
    with pytest.raises(SpecError):
        open_catalog(str(tmp_path), MAKERS, index="LSH")


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        *(("data/milvus", FOLDER), ("/milvus://x", FOLDER), ("milvus", FOLDER), ("a b://c", FOLDER)),
        *(("milvus://host/x", MILVUS), ("MILVUS+TLS://host/x", MILVUS)),
    ],
)
def test_the_kind_of_store_that_a_location_names(location: str, kind: StoreKind) -> None:
    assert kind_of(location) is kind
    assert kind.folder(location) == (Path(location) if kind is FOLDER else None)


def test_a_scheme_that_no_store_has() -> None:
    """It is a slip, not a folder with a strange name."""
    with pytest.raises(ValueError, match=r"'http://host/x' is no catalog; .*a folder .*milvus://HOST:PORT/COLLECTION"):
        open_catalog("http://host/x", MAKERS)


def test_what_stores_keep_secret_is_kept_out_of_logs() -> None:
    assert {secret for kind in KINDS for secret in kind.secrets} <= set(variables.SECRETS)


def test_a_store_whose_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CatalogError, match=r"needs pymilvus: install requirements/stores\.txt"):
        open_catalog("milvus://host/x", MAKERS)
