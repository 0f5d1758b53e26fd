"""The command line through main(argv), against a server in memory."""

import argparse
import csv
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_coin_server import Coin, FakeCoinServer

from mintmark import Client, MockTransport, ServerUnavailable
from mintmark._cli import main

README = Path(__file__).resolve().parents[2] / "python_client" / "README.md"
COMMANDS = ("recognize", "enroll", "list", "remove", "status", "evaluate")
FIELDS = ["--name", "1 złoty", "--country", "Poland", "--currency", "PLN", "--denomination", "1", "--side", "reverse"]

Run = Callable[..., int]


@pytest.fixture
def run(server: FakeCoinServer) -> Run:
    """The command, talking to `server`."""
    return lambda *argv: main([str(word) for word in argv], lambda args: Client(transport=MockTransport(server)))


@pytest.fixture
def photo(server: FakeCoinServer, tmp_path: Path) -> Callable[..., Path]:
    """Makes a photo file that shows a coin, or none."""

    def make(name: str, coin: Coin | None = None, side: int = 120) -> Path:
        path = tmp_path / name
        picture = np.full((side, side, 3), 200, np.uint8)
        picture[0, 0] = len(server.photos)  # each photo's bytes differ
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        server.photos[path.read_bytes()] = coin
        return path

    return make


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_readme_names_every_command(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """And every option of each."""
    text = README.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"mintmark {command}" in text
        with pytest.raises(SystemExit) as exit_info:
            run(command, "--help")
        assert exit_info.value.code == 0
        options = {word.strip("[],") for word in capsys.readouterr().out.split() if word.strip("[").startswith("--")}
        assert [option for option in sorted(options - {"--help"}) if option not in text] == []
    with pytest.raises(SystemExit):
        run("--help")
    listing = capsys.readouterr().out
    assert all(f" {command} " in listing for command in COMMANDS)


def test_recognize(run: Run, server: FakeCoinServer, photo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """People get a verdict and an aligned table for each photo."""
    server.add("1 złoty", (1, 0), year=1990)
    server.add("2 Euro", (0, 1))
    assert run("recognize", photo("a.png", Coin((1, 0.1))), photo("b.png"), photo("c.png", Coin((-1, 0)))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("a.png: 1 złoty")
    assert lines[1] == "  1  0.995  1 złoty  Austria  EUR  1  common  1990  id1"
    assert lines[2] == "  2  0.100  2 Euro   Austria  EUR  1  common        id2"
    assert lines[3].endswith("b.png: no coin found")
    assert lines[4].endswith("c.png: a coin that is not in the catalog; nearest:")


def test_recognize_json(run: Run, server: FakeCoinServer, photo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get one array."""
    server.add("1 złoty", (1, 0))
    path = photo("a.png", Coin((1, 0)))
    assert run("recognize", path, "--top", 1, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["photo"] for one in answer] == [str(path)]
    assert answer[0]["known"] is True and answer[0]["ellipse"]["a"] == 40
    assert answer[0]["matches"][0]["entry"]["name"] == "1 złoty"


def test_recognize_goes_on_after_a_bad_photo(
    run: Run, photo: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and the exit code tells."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"text")
    assert run("recognize", bad, photo("a.png")) == 1
    out, err = capsys.readouterr()
    assert "a.png: no coin found" in out
    assert err == f"mintmark: {bad}: photo is not an image\n"


@pytest.mark.parametrize("side", [120, 700])
def test_recognize_draws(run: Run, server: FakeCoinServer, photo: Any, tmp_path: Path, side: int) -> None:
    """The outline shows where the coin is; small photos are enlarged."""
    server.add("1 złoty ★", (1, 0))
    out = tmp_path / "out.png"
    path = photo("a.png", Coin((1, 0), (60, 50, 40, 30, 0)), side)
    assert run("recognize", path, "--draw", out) == 0
    before, after = (cv2.imread(str(name)) for name in (path, out))
    factor = after.shape[0] // before.shape[0]
    assert min(after.shape[:2]) >= 480 and after.shape[:2] == (side * factor, side * factor)
    before = cv2.resize(before, None, fx=factor, fy=factor)
    changed = (before != after).any(axis=2)
    on_rim, inside, outside = ((50 * factor, x * factor) for x in (100, 60, 110))
    assert changed[on_rim] and not changed[inside] and not changed[outside]
    assert changed[-5].mean() > 0.9  # the panel, on the edge farther from the coin


def test_recognize_draws_upright(run: Run, server: FakeCoinServer, tmp_path: Path) -> None:
    """As the server, by the photo's EXIF orientation."""
    jpeg = cv2.imencode(".jpg", np.zeros((500, 600, 3), np.uint8))[1].tobytes()
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6: turn right
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    server.photos[path.read_bytes()] = None
    assert run("recognize", path, "--draw", tmp_path / "out.png") == 0
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None and drawn.shape == (600, 500, 3)


def test_recognize_draws_several(run: Run, photo: Any, tmp_path: Path) -> None:
    """One file for each photo."""
    assert run("recognize", photo("a.png"), photo("b.png"), "--draw", tmp_path / "out.png") == 0
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out-1.png", "out-2.png"]


def test_recognize_draws_to_unknown_format(
    run: Run, photo: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The suffix is named."""
    assert run("recognize", photo("a.png"), "--draw", tmp_path / "out.xyz") == 1
    assert "'.xyz'" in capsys.readouterr().err


def test_enroll_list_remove(run: Run, photo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The life of an entry."""
    assert run("enroll", photo("a.png", Coin((1,))), *FIELDS, "--year", 1990) == 0
    assert capsys.readouterr().out == "id1\n"
    assert run("list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "name     country  currency  denomination  side     year  id",
        "1 złoty  Poland   PLN       1             reverse  1990  id1",
    ]
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["year"] == 1990
    assert run("remove", "id1") == 0
    assert run("list") == 0
    assert capsys.readouterr().out == "removed id1\nthe catalog is empty\n"
    assert run("remove", "id1") == 1
    assert capsys.readouterr().err == "mintmark: the catalog has no entry id1\n"


def test_enroll_without_coin(run: Run, photo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says why."""
    assert run("enroll", photo("a.png"), *FIELDS) == 1
    assert capsys.readouterr().err == "mintmark: the photo shows no coin\n"


def test_enroll_usage(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing fields are named; a table goes with nothing else."""
    for words, message in (
        (["a.png", "--name", "x"], "--country, --currency, --denomination, --side"),
        (FIELDS, "PHOTO"),
        (["--from", "labels.csv", "a.png"], "--from takes neither"),
    ):
        with pytest.raises(SystemExit) as exit_info:
            run("enroll", *words)
        assert exit_info.value.code == 2
        assert message in capsys.readouterr().err


def test_enroll_table(
    run: Run, server: FakeCoinServer, photo: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Good rows are enrolled with their free columns; bad ones are named by their line."""
    photo("a.png", Coin((1,)))
    photo("b.png")
    row = {"path": "a.png", "name": "1 złoty", "country": "Poland", "currency": "PLN", "denomination": "1"}
    rows = [{**row, "side": "reverse", "year": "1990", "mint": "Warsaw"}]
    rows += [{**rows[0], **bad} for bad in ({"path": "b.png"}, {"path": "c.png"}, {"year": "old"}, {"name": ""})]
    rows += [{**rows[0], "year": "", "mint": ""}]
    table = _write(tmp_path / "labels.csv", rows)
    assert run("enroll", "--from", table) == 1
    out, text = capsys.readouterr()
    assert out == "enrolled 2 of 6\n"
    err = text.splitlines()
    assert [line.split(": ")[1] for line in err[1:-1]] == [f"{table}:{line}" for line in (3, 4, 5, 6)]
    assert (err[0], err[-1][:10]) == ("rows: 6", "rows: 6 of")
    first, last = (record for record, _ in server.catalog.values())
    assert (first["year"], first["metadata"]) == (1990, {"mint": "Warsaw"})
    assert (last.get("year"), last["metadata"]) == (None, {})


def test_enroll_table_without_column(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The missing columns are named."""
    assert run("enroll", "--from", _write(tmp_path / "labels.csv", [{"path": "a", "name": "b"}])) == 1
    assert "lacks the column country, currency, denomination, side" in capsys.readouterr().err


def test_status(run: Run, server: FakeCoinServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Aligned for people, an object for programs."""
    server.add("coin", (1,))
    assert run("status") == 0
    assert capsys.readouterr().out.splitlines()[:3] == ["entries    1", "views      1", "model      abc123"]
    assert run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["index"] == "Flat"


def test_server_down(run: Run, server: FakeCoinServer, photo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, at once, whatever the command."""
    path = photo("a.png")
    server.error = ServerUnavailable("server is unavailable")
    for words in (["status"], ["list"], ["recognize", path, path], ["enroll", path, *FIELDS]):
        assert run(*words) == 1
        assert capsys.readouterr() == ("", "mintmark: server is unavailable\n")


def test_options_of_the_connection(monkeypatch: pytest.MonkeyPatch, server: FakeCoinServer) -> None:
    """From the environment, before the command or after it; later wins."""
    seen: list[argparse.Namespace] = []

    def connect(args: argparse.Namespace) -> Client:
        seen.append(args)
        return Client(transport=MockTransport(server))

    monkeypatch.delenv("MINTMARK_URL", raising=False)
    main(["status"], connect)
    monkeypatch.setenv("MINTMARK_URL", "env:1")
    main(["status"], connect)
    main(["--url", "before:1", "status"], connect)
    main(["--url", "before:1", "status", "--url", "after:1", "--timeout", "3"], connect)
    assert [args.url for args in seen] == ["localhost:8001", "env:1", "before:1", "after:1"]
    assert seen[-1].timeout == 3 and seen[0].timeout == 30 and not seen[0].tls


@pytest.mark.parametrize("words", [[], ["fly"], ["recognize"], ["recognize", "a", "--top", "0"], ["remove"]])
def test_wrong_usage(run: Run, words: list[str]) -> None:
    """Exit code 2, as argparse has it."""
    with pytest.raises(SystemExit) as exit_info:
        run(*words)
    assert exit_info.value.code == 2
