"""A catalog that is exported, imported into another and exported again is the same, to the last byte."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ensemble.contract import EMBEDDER, RELIEF_MAPPER
from mintmark import Client
from mintmark._cli import main as mintmark
from server.embedded import EmbeddedServer
from tests.server.catalog_server import FIELDS, MODELS, CatalogClient, unit

pytestmark = pytest.mark.server


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[EmbeddedServer]]:
    """A server with a calibrated catalog of three coins, six photos, and one with an empty catalog."""
    started = []
    try:
        for name in ("from", "to"):
            models = (*MODELS, EMBEDDER, RELIEF_MAPPER)  # an import of a folder needs the last two
            started.append(EmbeddedServer(tmp_path / name, models=models, log=tmp_path / f"{name}.log"))
            started[-1].start()
        rng = np.random.default_rng(1)
        filling = CatalogClient(started[0].url)
        for number in range(6):
            said = {**FIELDS, "name": f"coin {number // 2}", "metadata": {"n": number // 2, "ż": [1.5, None]}}
            key = f"coin-{number // 2}"
            filling.enroll(unit(rng), ("obverse", "reverse")[number % 2], entry=key, photo=f"{number:064x}", **said)
        with Client(started[0].url) as client:
            client.set_threshold(0.1 + 0.2)
        yield started
    finally:
        for server in started:
            server.stop()


@pytest.mark.parametrize("name", ["folder", "file.parquet"])
def test_export_import_export(
    servers: list[EmbeddedServer], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "1" / name, tmp_path / "2" / name
    source, target = (server.url for server in servers)
    assert mintmark(["--url", source, "export", str(first)]) == 0
    assert mintmark(["--url", target, "import", str(first)]) == 0
    out = capsys.readouterr().out
    assert "imported 6 new views of 6" in out and "a coin is known from 0.3000 on (before: 0.5000)" in out
    assert mintmark(["--url", target, "export", str(second)]) == 0
    files = [sorted(path.relative_to(top.parent) for path in top.parent.rglob("*.*")) for top in (first, second)]
    assert files[0] == files[1] and files[0]
    for path in files[0]:
        assert (first.parent / path).read_bytes() == (second.parent / path).read_bytes(), path
    with Client(target) as client:
        assert client.status().threshold == 0.1 + 0.2 and client.status().calibrated
