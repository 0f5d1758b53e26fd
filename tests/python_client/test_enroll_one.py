"""`mintmark enroll` of one coin says in words what it did, and asks before it makes a second entry of a coin."""

from pathlib import Path

import pytest

from mintmark._cli.options import option
from mintmark._contract import REQUIRED
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import Capture, MakePhoto, Run, run_on
from tests.python_client.terminals import at_terminal, command

TOLD = [word for name in REQUIRED for word in (option(name), "x")]
SEEMS = "looks like entry zl1, 1 złoty (1.00)"


def test_it_says_what_it_did(run: Run, photo: MakePhoto, capsys: Capture) -> None:
    """The id alone is on stdout."""
    one, other, third = (photo(f"{n}.png", Coin((n, 1))) for n in (0, 4, 9))
    assert run("enroll", one, *TOLD, "--side", "obverse") == 0
    assert capsys.readouterr() == ("id1\n", "mintmark: a new entry, id1, x: its obverse\n")
    assert run("enroll", other, "--side", "reverse", "--entry", "id1") == 0
    said = "mintmark: a further photo of entry id1, x: its reverse; it has 2 photos now\n"
    assert capsys.readouterr() == ("id1\n", said)
    assert run("enroll", other, "--side", "reverse", "--entry", "id1") == 0
    there = "mintmark: entry id1 has this photo already, as its reverse: nothing was added\n"
    assert capsys.readouterr() == ("id1\n", there)
    assert run("enroll", third, one, *TOLD, "--entry", "id1") == 0
    out, err = capsys.readouterr()
    assert out == "id1\n" and err.splitlines() == [
        f"mintmark: {third}: a further photo of entry id1, x: its obverse; it has 3 photos now",
        f"mintmark: {one}: entry id1 has this photo already, as its obverse: nothing was added",
    ]


def test_a_photo_that_cannot_be_read_is_refused_before_any_is_enrolled(
    run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path, capsys: Capture
) -> None:
    assert run("enroll", photo("a.png", Coin((1,))), tmp_path / "gone.png", *TOLD) == 1
    assert "gone.png" in capsys.readouterr().err and not server.calls


@pytest.fixture
def there(server: FakeCoinServer, photo: MakePhoto) -> Path:
    """Another photo of a coin that the catalog has."""
    server.add("1 złoty", (1,), entry="zl1", side="obverse")
    return photo("a b.png", Coin((1,)))


def test_a_coin_that_is_there_is_pointed_out_and_enrolled_as_told(
    run: Run, server: FakeCoinServer, there: Path, capsys: Capture
) -> None:
    """So it is where nobody can be asked."""
    assert run("enroll", there, *TOLD, "--side", "obverse") == 0
    out, err = capsys.readouterr()
    hint = f"this would add the photo to it: mintmark enroll '{there}' --side obverse --entry zl1"
    assert out == "id2\n" and err.splitlines()[0] == f"mintmark: {SEEMS}; {hint}"
    assert err.splitlines()[1] == "mintmark: a new entry, id2, x: its obverse"


@pytest.mark.parametrize("words", [[*TOLD, "--new"], [*TOLD, "--entry", "mine"], ["--entry", "zl1"]])
def test_nobody_asks_where_it_is_said(
    run: Run, server: FakeCoinServer, there: Path, capsys: Capture, words: list[str]
) -> None:
    assert run("enroll", there, "--side", "obverse", *words) == 0
    assert "looks like" not in capsys.readouterr().err


def test_both_sides_are_asked_for(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """A coin that shares a side with another is not taken for it."""
    server.catalog.threshold = 0.9
    server.add("eagle", (1,), entry="eagle", side="obverse")
    server.add("eagle", (0, 1), entry="eagle", side="reverse")
    photos = [photo(f"{n}.png", Coin(vector)) for n, vector in enumerate([(1,), (0, 0, 1), (0, 1)])]
    assert run("enroll", photos[0], photos[1], *TOLD) == 0
    assert "looks like" not in capsys.readouterr().err
    assert run("enroll", photos[0], photos[2], *TOLD) == 0
    assert "looks like entry eagle" in capsys.readouterr().err


def test_new_with_an_entry_or_a_table_is_refused(server: FakeCoinServer, there: Path, capsys: Capture) -> None:
    for words in ([there, "--side", "edge", "--entry", "x"], ["--from", "labels.csv"]):
        with pytest.raises(SystemExit):
            run_on(server, "enroll", *words, "--new")
        assert "--new" in capsys.readouterr().err


PREPARE = """
server.add("1 z\u0142oty", (1,), entry="zl1", side="obverse")
server.photos[open(sys.argv[2], "rb").read()] = Coin((1,))
"""


@pytest.mark.parametrize(
    ("keys", "out", "code", "said"),
    [
        ("y\n", "zl1\n", 0, "mintmark: a further photo of entry zl1, 1 złoty: its obverse; it has 2 photos now"),
        ("what\n\nNO\n", "id2\n", 0, "mintmark: a new entry, id2, x: its obverse"),
        ("q\n", "", 1, "mintmark: nothing was enrolled"),
        ("\x04", "", 1, "mintmark: nothing was enrolled"),
    ],
)
def test_at_a_terminal_it_asks(there: Path, keys: str, out: str, code: int, said: str) -> None:
    """On stderr, until the answer is one; the end of the input quits."""
    words = command(PREPARE, "enroll", there, *TOLD, "--side", "obverse")
    run = at_terminal(words, keys)
    assert (run.out, run.code) == (out, code)
    question = f"{SEEMS}: add the photo to it? [y]es, [n]o: a new entry, [q]uit "
    assert question in run.terminal and run.terminal.endswith(f"{said}\n")
    assert run.terminal.count(question) == max(keys.count("\n"), 1)
