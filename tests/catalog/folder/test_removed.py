"""A database that is removed or replaced while it is open acknowledges nothing more."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog import Enrolment
from catalog.folder.store import FolderCatalog
from ensemble.errors import CatalogError
from tests.catalog.samples import coin, enroll, fill, photo, unit_vectors

FILES = ("catalog.sqlite", "catalog.sqlite-wal")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("replaced", [False, True])
def test_no_change_is_acknowledged(
    tmp_path: Path, open_at: Callable[..., FolderCatalog], name: str, replaced: bool
) -> None:
    catalog = open_at()
    fill(catalog, unit_vectors(3))
    path, kept = tmp_path / "catalog" / name, tmp_path / "kept"
    path.rename(kept)
    if replaced:
        shutil.copy(kept, path)
    changes: tuple[Callable[[], object], ...] = (
        lambda: enroll(catalog, unit_vectors(1, 9)[0]),
        lambda: catalog.add([(Enrolment("obverse", coin()), photo(unit_vectors(1, 8)[0]))]),
        lambda: catalog.update("coin-1", {"year": 1}),
        lambda: catalog.remove("coin-1"),
        lambda: catalog.set_threshold(0.5),
    )
    for change in changes:
        with pytest.raises(CatalogError, match="was removed or replaced while it was open, nothing was changed"):
            change()
    kept.replace(path)
    assert catalog.status().entries == 3
    enroll(catalog, unit_vectors(1, 9)[0])
    assert catalog.status().entries == 4


def test_a_removed_folder(tmp_path: Path, open_at: Callable[..., FolderCatalog]) -> None:
    catalog = open_at()
    enroll(catalog, unit_vectors(1)[0])
    shutil.rmtree(tmp_path / "catalog")
    with pytest.raises(CatalogError, match="was removed"):
        enroll(catalog, unit_vectors(1, 9)[0])
    assert len(catalog.search(unit_vectors(1), 1)[0]) == 1  # what is open can still be read
