"""Which tests one process runs one after the other, where several run them: see `make test`."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class ByServers(LoadScopeScheduling):
    """The tests of a file share servers, and those of the catalog in Milvus share one Milvus."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "milvus" if file.startswith("tests/catalog/") and "milvus" in nodeid else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServers | None:
    """For `--dist loadfile`."""
    return ByServers(config, log) if config.getvalue("dist") == "loadfile" else None
