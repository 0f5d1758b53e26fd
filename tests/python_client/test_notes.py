"""What an answer says of photos of the catalog that wait for `mintmark reembed`."""

import json
from collections.abc import Sequence

import pytest

from mintmark import Client
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import Capture, MakePhoto, Run

NOTES = (
    "2 photos wait for `mintmark reembed`: they are not searched",
    "1 photo waits for `mintmark reembed`: it is judged by the embedding alone",
)


@pytest.fixture
def photos(server: FakeCoinServer, photo: MakePhoto) -> list[str]:
    """Two photos, in front of a catalog of which some photos wait."""
    server.add("euro", (1,))
    server.notes = "\n".join(NOTES)
    return [str(photo(f"{number}.png", Coin((1, number)))) for number in range(2)]


def test_every_answer_has_them(client: Client, server: FakeCoinServer, photos: list[str]) -> None:
    assert client.recognize(photos[0]).notes == NOTES
    assert [coin.notes for coin in client.recognize_all(photos[0])] == [NOTES]
    one, other = photos
    pair = client.recognize_pair(one, other)
    assert pair.notes == NOTES and all(answer.notes == NOTES for answer in pair.answers)
    server.notes = ""
    assert client.recognize(photos[0]).notes == client.recognize_pair(one, other).notes == ()


@pytest.mark.parametrize("options", [[], ["--all"], ["--pair"]])
def test_they_are_printed_once(run: Run, photos: list[str], options: Sequence[str], capsys: Capture) -> None:
    """Whatever the number of photos: they are about the catalog. Programs find them in each answer."""
    assert run("recognize", *photos, *options) == 0
    assert capsys.readouterr().err == "".join(f"mintmark: {note}\n" for note in NOTES)
    assert run("recognize", *photos, *options, "--json") == 0
    out, err = capsys.readouterr()
    assert err == "" and all(answer["notes"] == list(NOTES) for answer in json.loads(out))
    assert out.count(NOTES[0]) == (3 if "--pair" in options else 2), "not for each coin of a photo"
