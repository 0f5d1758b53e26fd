"""Recognition on a real server: photo in, catalog entries out."""

import json
from pathlib import Path

import numpy as np
import pytest

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE
from mintmark import Client, Ellipse, EntryNotFound, NoCoinFound
from mintmark._cli import main as mintmark
from mintmark.metrics import ellipse_iou
from tests.server.conftest import Coin, Running, jpeg

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def enrolled(client: Client, coins: list[Coin]) -> list[str]:
    """Ids of the entries of the coins, which are enrolled by their catalog pictures."""
    return [client.enroll(jpeg(coin.catalog), coin.fields).id for coin in coins]


def test_catalog_pictures_find_themselves(client: Client, coins: list[Coin], enrolled: list[str]) -> None:
    for coin, entry_id in zip(coins, enrolled, strict=True):
        answer = client.recognize(jpeg(coin.catalog), k=3)
        assert answer.found and answer.known
        assert answer.matches[0].entry.id == entry_id
        assert answer.matches[0].score > 0.98
        scores = [match.score for match in answer.matches]
        assert scores == sorted(scores, reverse=True)


def test_other_photos_find_their_coin(client: Client, coins: list[Coin], enrolled: list[str]) -> None:
    best = [client.recognize(jpeg(coin.query), k=1).matches[0].entry.id for coin in coins]
    assert sum(a == b for a, b in zip(best, enrolled, strict=True)) >= len(coins) - 1


def test_ellipse_is_that_of_the_photo(client: Client, coins: list[Coin]) -> None:
    overlaps = []
    for coin in coins:
        large = np.repeat(
            np.repeat(coin.query, 5, axis=0), 5, axis=1
        )  # shrunk on the canvas: pixels must be the photo's
        ellipse = client.recognize(jpeg(large)).ellipse
        assert ellipse is not None
        cx, cy, a, b, angle = coin.ellipse
        truth = Ellipse((cx + 0.5) * 5 - 0.5, (cy + 0.5) * 5 - 0.5, a * 5, b * 5, angle)
        overlaps.append(ellipse_iou(ellipse, truth))
    assert np.median(overlaps) > 0.9


def test_embeddings_are_unit_vectors(client: Client, coins: list[Coin]) -> None:
    result = client.embed(jpeg(coins[0].query))
    assert result.embedding.shape == (EMBEDDING_SIZE,)
    assert np.linalg.norm(result.embedding) == pytest.approx(1, abs=1e-3)
    assert result.coin.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)


def test_ids_fill_up_where_the_catalog_is_smaller(client: Client, coins: list[Coin], enrolled: list[str]) -> None:
    answer = client.recognize(jpeg(coins[0].query), k=1000)
    assert len(answer.matches) == client.status().entries


def test_removed_entries_are_gone_at_once(client: Client, coins: list[Coin]) -> None:
    entry = client.enroll(jpeg(coins[0].query), coins[0].fields)
    assert client.recognize(jpeg(coins[0].query), k=1).matches[0].entry.id == entry.id
    client.remove(entry.id)
    assert entry.id not in [match.entry.id for match in client.recognize(jpeg(coins[0].query), k=1000).matches]
    with pytest.raises(EntryNotFound):
        client.show(entry.id)
    with pytest.raises(EntryNotFound):
        client.remove(entry.id)


def test_photo_without_a_coin(client: Client, coins: list[Coin], enrolled: list[str]) -> None:
    wall = jpeg(np.full((600, 800, 3), 128, np.uint8))
    answer = client.recognize(wall)
    assert not answer.found and not answer.known and answer.ellipse is None and not answer.matches
    before = client.status().entries
    with pytest.raises(NoCoinFound):
        client.enroll(wall, coins[0].fields)
    assert client.status().entries == before


def test_command_line(
    server: Running, coins: list[Coin], enrolled: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(coins[1].catalog))
    drawn = tmp_path / "drawn.png"
    assert mintmark(["--url", server.url, "recognize", str(photo), "--json", "--draw", str(drawn)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report[0]["matches"][0]["entry"]["id"] == enrolled[1]
    assert drawn.stat().st_size > 0


def test_evaluate_leaves_the_catalog_alone(
    server: Running, client: Client, coins: list[Coin], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["path,label,role"]
    for number, coin in enumerate(coins):
        roles = {"catalog": coin.catalog, "query": coin.query} if number else {"unknown": coin.query}
        for role, picture in roles.items():
            (tmp_path / f"{number}_{role}.jpg").write_bytes(jpeg(picture))
            rows.append(f"{number}_{role}.jpg,{number},{role}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    before = client.status()
    assert mintmark(["--url", server.url, "evaluate", str(tmp_path / "manifest.csv"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert client.status() == before
    assert report["photos"] == {"unknown": 1, "catalog": 3, "query": 3}
