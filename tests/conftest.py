"""Which tests one process runs one after the other, where several run them: see `make test`."""

from pathlib import Path

import pytest

CATALOG = Path(__file__).parent / "catalog"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of a file share servers, and those of the catalog in Milvus share one Milvus."""
    for item in items:
        in_milvus = item.get_closest_marker("milvus") is not None and item.path.is_relative_to(CATALOG)
        item.add_marker(pytest.mark.xdist_group("milvus" if in_milvus else str(item.path)))
