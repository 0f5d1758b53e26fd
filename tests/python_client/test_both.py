"""A photo of both sides of a coin in one file: taken apart, recognized, drawn, enrolled alone and by a table."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mintmark import Client, Ellipse, FoundCoin, HalfPhoto, InvalidPhoto
from mintmark._both import taken_apart
from mintmark._cli.options import option
from mintmark._contract import REQUIRED
from mintmark._pictures.loading import load
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import FIELDS, SAID, Capture, Run, WriteTable

LEFT, RIGHT = (200, 200, 100, 98, 0), (430, 205, 102, 100, 30)  # ellipses
TOLD = [word for name in REQUIRED for word in (option(name), "x")]
INK = {200: (0, 0, 250), 430: (250, 0, 0)}  # BGR of the coins, by where they lie


def picture(*ellipses: tuple[float, ...], size: tuple[int, int] = (640, 400)) -> np.ndarray:
    """Coins on white: the first one red, the second blue."""
    drawn = np.full((size[1], size[0], 3), 255, np.uint8)
    for ellipse, ink in zip(ellipses, INK.values(), strict=False):
        (cx, cy, a, b, angle) = (round(number) for number in ellipse)
        cv2.ellipse(drawn, (cx, cy), (a, b), angle, 0, 360, ink, cv2.FILLED)
    return drawn


def png(drawn: np.ndarray) -> bytes:
    return cv2.imencode(".png", drawn)[1].tobytes()


def coins(*ellipses: tuple[float, ...]) -> list[FoundCoin]:
    """What a server finds; the largest first."""
    return [FoundCoin(Ellipse(*ellipse), 0.9, False, 0.0, ()) for ellipse in sorted(ellipses, key=lambda e: -e[2])]


def ink_of(half: HalfPhoto) -> list[bool]:
    """Whether the half shows red, and whether it shows blue."""
    shown = load(half).astype(int)
    return [bool((np.abs(shown - ink).max(axis=2) < 20).any()) for ink in INK.values()]


def transposed(ellipse: tuple[float, ...]) -> tuple[float, ...]:
    cx, cy, a, b, angle = ellipse
    return cy, cx, a, b, 90 - angle


@pytest.fixture
def both(server: FakeCoinServer, client: Client, tmp_path: Path) -> Path:
    """A photo of a coin that the catalog does not have; the server sees a coin in the whole, and in both halves."""
    path = tmp_path / "both.png"
    path.write_bytes(png(picture(LEFT, RIGHT)))
    server.trays[path.read_bytes()] = [Coin((0, 1), RIGHT), Coin((1, 0), LEFT)]
    for half, coin in zip(client.both_sides(path), (Coin((1, 0)), Coin((0, 1))), strict=True):
        server.photos[bytes(half)] = coin
    server.calls.clear()
    return path


def test_the_left_or_the_upper_coin_comes_first() -> None:
    first, second = taken_apart(png(picture(LEFT, RIGHT)), coins(LEFT, RIGHT))
    assert (ink_of(first), ink_of(second)) == ([True, False], [False, True])
    assert first.corner == (0, 0) and second.corner == (315, 0)
    assert [load(half).shape[:2] for half in (first, second)] == [(400, 315), (400, 325)]
    upright = np.ascontiguousarray(picture(LEFT, RIGHT).transpose(1, 0, 2))
    first, second = taken_apart(png(upright), coins(transposed(LEFT), transposed(RIGHT)))
    assert (ink_of(first), ink_of(second)) == ([True, False], [False, True]) and second.corner == (0, 315)


def test_each_half_holds_its_whole_coin_where_they_touch() -> None:
    left, right = (200, 200, 100, 100, 0), (401, 200, 100, 100, 0)
    first, second = taken_apart(png(picture(left, right)), coins(left, right))
    whole = sum((picture(left, right) != 255).any(axis=2).ravel())
    assert (ink_of(first), ink_of(second)) == ([True, False], [False, True])
    assert sum(int((load(half) < 200).any(axis=2).sum()) for half in (first, second)) == pytest.approx(whole, rel=0.01)


def test_a_photo_is_cut_as_a_person_sees_it() -> None:
    """The EXIF orientation counts, and the halves have none."""
    sideways = np.ascontiguousarray(np.rot90(picture(LEFT, RIGHT)))
    jpeg = cv2.imencode(".jpg", sideways)[1].tobytes()
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6: turn right
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    first, second = taken_apart(turned, coins(LEFT, RIGHT))
    assert (ink_of(first), ink_of(second)) == ([True, False], [False, True])


def test_halves_are_known_by_the_whole_file_wherever_it_is_cut() -> None:
    photo = png(picture(LEFT, RIGHT))
    halves, again = taken_apart(photo, coins(LEFT, RIGHT)), taken_apart(photo, coins(LEFT, RIGHT))
    assert halves == again and [half.photo for half in halves] == [half.photo for half in again]
    moved = taken_apart(photo, coins(LEFT, (434, *RIGHT[1:])))
    assert moved != halves and [half.photo for half in moved] == [half.photo for half in halves]
    other = taken_apart(png(picture(LEFT)), coins(LEFT, RIGHT))
    assert len({half.photo for half in (*halves, *other)}) == 4


SMALL = (430, 200, 60, 60, 0)
NOT_BOTH = {
    "in this one, 0 are found": (),
    "in this one, 1 are found": (LEFT,),
    "in this one, 3 are found": (LEFT, RIGHT, (600, 100, 20, 20, 0)),
    "120 and 198 px across, a ratio of 0.61, and 0.80 is needed": (LEFT, SMALL),
    "no straight cut leaves both whole": (LEFT, (330, 260, 100, 98, 0)),
}


@pytest.mark.parametrize(("reason", "found"), NOT_BOTH.items())
def test_what_is_no_photo_of_both_sides(reason: str, found: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(InvalidPhoto, match=reason):
        taken_apart(png(picture(LEFT, RIGHT)), coins(*found))


def test_recognize_in_python(client: Client, server: FakeCoinServer, both: Path) -> None:
    """It is the answer to both halves, with ellipses in the whole photo."""
    server.add("coin", (1, 0), entry="x", side="obverse")
    server.add("coin", (0, 1), entry="x", side="reverse")
    pair, apart = client.recognize_pair(both), client.recognize_pair(*client.both_sides(both))
    assert pair.known and pair.matches == apart.matches
    (left, right), (_, alone) = ([answer.ellipse for answer in one.answers] for one in (pair, apart))
    assert left is not None and right is not None and alone is not None
    assert right == replace(alone, cx=alone.cx + 315) and left == alone


def test_recognize(run: Run, server: FakeCoinServer, both: Path, capsys: Capture) -> None:
    server.add("coin", (1, 0), entry="x", side="obverse")
    server.add("coin", (0, 1), entry="x", side="reverse")
    drawn = both.with_name("drawn.png")
    assert run("recognize", both, both, "--both") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines[::2]] == [f"{both}: match: coin"] * 2, "an answer for each file"
    assert run("recognize", both, "--both", "--json", "--draw", drawn) == 0
    [answer] = json.loads(capsys.readouterr().out)
    assert answer["photo"] == str(both) and len(answer["answers"]) == 2
    assert cv2.imread(str(drawn)).shape[1] > 640
    assert run("recognize", both, "--pair") == 1
    assert "not 1 photo in all; for a photo that shows both sides, give --both" in capsys.readouterr().err
    assert run("recognize", both, both, "--pair", "--both") == 1
    assert "give one of them" in capsys.readouterr().err


def test_enroll(run: Run, server: FakeCoinServer, both: Path, capsys: Capture) -> None:
    """One file makes an entry of two views; twice is once."""
    assert run("enroll", both, "--side", "both", *TOLD) == 0
    assert capsys.readouterr().out == "id1\n"
    assert run("enroll", both, "--side", "both", "--entry", "id1") == 0
    assert [(view.entry, view.side) for view in server.catalog.views] == [("id1", "obverse"), ("id1", "reverse")]


def test_enroll_what_shows_no_two_coins(run: Run, server: FakeCoinServer, both: Path, capsys: Capture) -> None:
    server.trays[both.read_bytes()].pop()
    assert run("enroll", both, "--side", "both", *TOLD) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"mintmark: {both}: a photo of both sides shows two coins")
    assert not server.catalog.views


ROW = {"path": "both.png", **SAID, "side": "both"}


@pytest.mark.parametrize("entry", ["", "mine"])
def test_enroll_a_table(
    run: Run, server: FakeCoinServer, both: Path, write_table: WriteTable, capsys: Capture, entry: str
) -> None:
    """A line is two rows of one coin, with an id or without; twice is once, and nothing is cut then."""
    table = write_table("labels.csv", [{**ROW, "entry": entry}])
    assert run("enroll", "--from", table, "--dry-run") == 0
    assert capsys.readouterr().out.endswith("would enroll 2 of 2: 1 new entry, 1 more photo of an entry\n")
    assert not server.catalog.views and all(operation == "known" for operation in server.operations)
    assert run("enroll", "--from", table, "--jsonl") == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["row"], one["outcome"]) for one in said] == [
        (f"{table}:2, obverse", "new"), (f"{table}:2, reverse", "added"),
    ]  # fmt: skip
    [key] = server.catalog.entries
    assert key == entry or not entry
    assert [(view.entry, view.side) for view in server.catalog.views] == [(key, "obverse"), (key, "reverse")]
    server.calls.clear()
    assert run("enroll", "--from", table) == 0
    assert capsys.readouterr().out == "enrolled 2 of 2: 2 already there\n"
    assert {model for model, _ in server.calls} == {"catalog"}


def test_a_row_that_cannot_be_taken_apart_fails_once(
    run: Run, server: FakeCoinServer, both: Path, write_table: WriteTable, capsys: Capture
) -> None:
    server.trays[both.read_bytes()].pop()
    table = write_table("labels.csv", [ROW])
    assert run("enroll", "--from", table) == 1
    assert "in this one, 1 are found" in capsys.readouterr().err
    failed = table.with_name("labels.failed.csv").read_text(encoding="utf-8-sig")
    assert failed.count("both.png") == 1 and ",both" in failed


def test_one_half_that_fails_leaves_the_other(
    run: Run, client: Client, server: FakeCoinServer, both: Path, write_table: WriteTable, capsys: Capture
) -> None:
    """Given again, it joins the entry of the other half."""
    first, _ = client.both_sides(both)
    coin, server.photos[bytes(first)] = server.photos[bytes(first)], None
    table = write_table("labels.csv", [ROW])
    assert run("enroll", "--from", table) == 1
    assert [view.side for view in server.catalog.views] == ["reverse"]
    server.photos[bytes(first)] = coin
    assert run("enroll", "--from", table.with_name("labels.failed.csv")) == 0
    assert capsys.readouterr().out.endswith("enrolled 2 of 2: 1 more photo of an entry, 1 already there\n")
    assert len(server.catalog.entries) == 1 and len(server.catalog.views) == 2


def test_halves_are_enrolled_in_python(client: Client, server: FakeCoinServer, both: Path) -> None:
    first, second = client.both_sides(both)
    entry = client.enroll(first, replace(FIELDS, side="obverse"))
    for _ in range(2):
        client.add_view(second, entry.id, "reverse")
    assert [view.photo for view in server.catalog.views] == [first.photo, second.photo]
