"""The release before: its catalog becomes one of today, and its client is answered by today's server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mintmark import Client
from tests.server.conftest import ROOT, Running, launch

pytestmark = pytest.mark.server

RELEASES = ROOT / "tests" / "releases"
BEFORE = "0.1.0"
COINS = ROOT / "examples" / "coins"
OLD = ["euro-1", "euro-2", "won-500-obverse"]  # entries, by the photos that were enrolled


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Today's server on the catalog of the release before."""
    folder = tmp_path_factory.mktemp("upgraded")
    (folder / "catalog").mkdir()
    shutil.copy(RELEASES / f"catalog-{BEFORE}.sqlite", folder / "catalog" / "catalog.sqlite")
    running = launch(folder, "--no-web")
    yield running
    running.stop()


def old_client(server: Running, *arguments: str) -> str:
    """What the command of the release before prints. Its wheel is a path from which Python imports."""
    wheel = RELEASES / f"mintmark-{BEFORE}-py3-none-any.whl"
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    command = [sys.executable, "-m", "mintmark", "--url", server.url, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_old_catalog_is_embedded_again_and_recognizes(upgraded: Running) -> None:
    with Client(upgraded.url) as client:
        assert [entry.id for entry in client.entries()] == OLD
        assert client.status().stale_views == len(OLD), "other weights made its embeddings"
        assert any("reembed" in note for note in client.recognize(COINS / "euro-1.jpg").notes)
        done = client.reembed()
        assert (done.left, done.refused) == (0, ()) and client.switch() == len(OLD)
        assert client.status().stale_views == 0
        for name in OLD:
            answer = client.recognize(COINS / f"{name}.jpg")
            assert answer.known and answer.matches[0].entry.id == name and answer.notes == ()


def test_the_old_client_asks_the_new_server(upgraded: Running) -> None:
    with Client(upgraded.url) as client:
        client.reembed()
        client.switch()
    assert "match: euro-2" in old_client(upgraded, "recognize", str(COINS / "euro-2.jpg"))
    fields = ("--country", "KR", "--currency", "won", "--denomination", "10", "--side", "reverse")
    photo = str(COINS / "won-10-reverse.jpg")
    entry = old_client(upgraded, "enroll", photo, "--name", "10 won", *fields).strip()
    try:
        assert "10 won" in old_client(upgraded, "recognize", photo)
        assert "10 won" in old_client(upgraded, "list")
        assert "10 won" in old_client(upgraded, "show", entry)
        old_client(upgraded, "update", entry, "--name", "ten won")
        with Client(upgraded.url) as client:
            assert client.show(entry).name == "ten won"
    finally:
        old_client(upgraded, "remove", entry)
