"""New weights beside old ones on one catalog: they are never mixed, and all views change over at once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ensemble import artifacts
from ensemble.contract import EMBEDDER, EMBEDDING, EMBEDDING_SIZE
from ensemble.places import REPOSITORY
from mintmark import Client
from mintmark._cli import main as mintmark
from server.embedded import EmbeddedServer
from tests.server.conftest import ROOT, Coin, jpeg

pytestmark = pytest.mark.server

NEW_MODEL = "0123456789abcdef"


def other_weights(folder: Path) -> Path:
    """A model repository whose embedding reverses the numbers: as good as the old one, and different."""
    repository = folder / "repository"
    shutil.copytree(ROOT / REPOSITORY, repository)
    path = repository / EMBEDDER.name / "1" / "model.onnx"
    model = onnx.load(path)
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == EMBEDDING.name:
                node.output[place] = "forwards"
    order = numpy_helper.from_array(np.arange(EMBEDDING_SIZE)[::-1].astype(np.int64), "order")
    model.graph.initializer.append(order)
    model.graph.node.append(helper.make_node("Gather", ["forwards", "order"], [EMBEDDING.name], axis=1))
    onnx.save(model, path)
    return repository


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, coins: list[Coin]
) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """A server with enrolled coins, and a server with new weights beside it."""
    folder = tmp_path_factory.mktemp("reembed")
    with EmbeddedServer(folder / "catalog", log=folder / "old.log") as old:
        with Client(old.url) as client:
            for number, coin in enumerate(coins[:3]):
                client.enroll(jpeg(coin.catalog), coin.fields, entry_id=f"coin-{number}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(artifacts, "fingerprint", lambda: NEW_MODEL)
            new = EmbeddedServer(folder / "catalog", repository=other_weights(folder), log=folder / "new.log")
            with new:
                yield old, new


def best(client: Client, picture: np.ndarray) -> str:
    """Id of the entry that a picture shows; '' where the coin is not known."""
    answer = client.recognize(jpeg(picture))
    return answer.matches[0].entry.id if answer.known else ""


def test_from_old_weights_to_new_ones(
    servers: tuple[EmbeddedServer, EmbeddedServer], coins: list[Coin], capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(servers[0].url) as old, Client(servers[1].url) as new:
        assert "3 views were embedded by another model" in servers[1].log.read_text()
        assert "run `mintmark reembed`" in servers[1].log.read_text()
        status = new.status()
        assert (status.model, status.entries, status.views, status.stale_views) == (NEW_MODEL, 3, 0, 3)
        answer = new.recognize(jpeg(coins[0].catalog))
        assert not answer.matches, "views of other weights are not searched"
        assert answer.notes == ("3 photos wait for `mintmark reembed`: they are not searched",)
        assert {coin.notes for coin in new.recognize_all(jpeg(coins[0].catalog))} == {answer.notes}
        assert old.recognize(jpeg(coins[0].catalog)).notes == ()
        assert best(old, coins[0].catalog) == "coin-0"

        # Half way through, a coin is enrolled with either weights.
        assert new.reembed(limit=2).done == 2
        old.enroll(jpeg(coins[3].catalog), coins[3].fields, entry_id="coin-3")
        assert [best(old, coin.catalog) for coin in coins] == [f"coin-{n}" for n in range(4)]
        assert [best(new, coin.catalog) for coin in coins] == [""] * 4, "nothing counts before all is done"

        assert mintmark(["--url", servers[1].url, "reembed"]) == 0
        capsys.readouterr()
        assert [best(new, coin.catalog) for coin in coins] == [f"coin-{n}" for n in range(4)]
        assert [best(old, coin.catalog) for coin in coins] == [f"coin-{n}" for n in range(4)], "the old one goes on"
        assert (new.status().stale_views, old.status().stale_views) == (0, 0)
        assert new.recognize(jpeg(coins[0].catalog)).notes == ()

        new.enroll(jpeg(coins[0].query), coins[0].fields, entry_id="another")
        assert "another" in [match.entry.id for match in new.recognize(jpeg(coins[0].query)).matches]
        assert "another" not in [match.entry.id for match in old.recognize(jpeg(coins[0].query)).matches]
        assert old.status().stale_views == 1

        assert mintmark(["--url", servers[1].url, "reembed", "--forget"]) == 0
        assert not old.recognize(jpeg(coins[0].catalog)).matches, "embeddings that nobody needs are gone"
        assert [best(new, coin.catalog) for coin in coins] == [f"coin-{n}" for n in range(4)]
