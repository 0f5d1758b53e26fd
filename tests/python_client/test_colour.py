"""Colours at a terminal that shows them, and nowhere else; no name writes any, and columns stay where they are."""

import re
from pathlib import Path

import pytest

from tests.python_client.fake_coin_server import Coin
from tests.python_client.samples import MakePhoto
from tests.python_client.terminals import at_terminal, command

PREPARE = r"""
import pathlib
server.add("1 z\u0142oty \u6f22\x1b[35mmore", (1, 0), entry="a")
server.add("2 euro", (0, 1), entry="b")
for path in pathlib.Path(sys.argv[-1]).parent.glob("*.png"):
    server.photos[path.read_bytes()] = Coin((1, 0.1) if path.stem == "known" else (-1, 0))
"""
NAME = "1 złoty 漢\\u001b[35mmore"
CODE = re.compile(r"\x1b\[\d*m")


@pytest.fixture
def words(photo: MakePhoto) -> list[str]:
    """Photos of a known coin, of an unknown one, and one that is not there."""
    photos = [photo(f"{name}.png", Coin((1,))) for name in ("known", "other")]
    return command(PREPARE, "recognize", *photos, photos[0].with_name("gone.png"))


def test_verdicts_names_and_errors_are_painted(words: list[str]) -> None:
    shown = at_terminal(words, piped=False).terminal
    assert f": \x1b[32mmatch\x1b[0m: \x1b[1m{NAME}\x1b[0m (score 0.995" in shown
    assert "other.png: \x1b[33munknown\x1b[0m (score" in shown
    assert re.search(r"mintmark: \x1b\[31m[^\n]*gone\.png[^\n]*\x1b\[0m\n", shown)
    assert set(CODE.findall(shown)) == {f"\x1b[{code}m" for code in (0, 1, 31, 32, 33)}, "none of a name's"


def test_columns_are_as_without(words: list[str]) -> None:
    painted, plain = (at_terminal(words, piped=False, **more).terminal for more in ({}, {"NO_COLOR": "1"}))
    assert "\x1b" in painted and CODE.sub("", painted) == plain


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_nothing_is_painted_where_it_is_not_wanted(words: list[str], variable: dict[str, str]) -> None:
    assert "\x1b" not in at_terminal(words, piped=False, **variable).terminal


def test_a_pipe_gets_none(words: list[str]) -> None:
    """Each stream is judged by itself: errors are still red on the terminal."""
    run = at_terminal(words)
    assert "match" in run.out and "\x1b" not in run.out and "\x1b[31m" in run.terminal


def test_tables_of_all_coins_and_lists(photo: MakePhoto) -> None:
    path: Path = photo("known.png", Coin((1,)))
    shown = at_terminal(command(PREPARE, "recognize", "--all", path), piped=False).terminal
    assert f"\x1b[32mknown\x1b[0m  0.995  \x1b[1m{NAME}\x1b[0m  Austria" in shown
    header, first, second = at_terminal(command(PREPARE, "list"), piped=False).terminal.splitlines()
    assert "\x1b" not in header and "\x1b[1m2 euro\x1b[0m" in second
    assert CODE.sub("", first).index("Austria") == header.index("country") - 1, "a wide letter takes two columns"


def test_json_is_never_painted(words: list[str]) -> None:
    assert "\x1b" not in at_terminal([*words[:4], "--json", *words[4:-1]], piped=False).terminal
