"""The command line against a server in memory: `recognize`, and what all commands share."""

import argparse
import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from mintmark import Client, MockTransport, ServerUnavailable
from mintmark._cli import main
from mintmark._cli.options import option
from mintmark._contract import DEFAULT_K, FILTERS
from mintmark._pictures.recognition import LEAST_HEIGHT
from tests.python_client.fake_catalog import unit
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import OPTIONS, Capture, MakePhoto, Run


def test_recognize(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """For each photo it prints a verdict with score and margin, and a table of matches."""
    server.add("1 złoty", (1, 0), year=1990, side="reverse")
    server.add("2 Euro", (0, 1))
    assert run("recognize", photo("a.png", Coin((1, 0.1))), photo("b.png"), photo("c.png", Coin((-1, 0)))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("a.png: match: 1 złoty (score 0.995, margin 0.896)")
    parts = ["(embedding", "0.995,", "relief", "not", "compared)"]
    assert lines[1].split() == ["1", "0.995", "1", "złoty", "Austria", "EUR", "1", "1990", "reverse", "id1", *parts]
    assert lines[2].split()[:-5] == ["2", "0.100", "2", "Euro", "Austria", "EUR", "1", "common", "id2"]
    assert lines[3].endswith("b.png: unknown: no coin found (probability 0.04)")
    assert "c.png: unknown (score 0.000, margin" in lines[4] and lines[4].endswith("nearest:")


def test_recognize_filters(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """Filters are by fields of the coin, by side and by metadata. If nothing passes, it says so."""
    server.add("a", (1, 0), year=1990, metadata={"mint": "Warsaw", "mark": "a=b"})
    path = photo("a.png", Coin((1, 0)))
    words = (
        "--country",
        "Austria",
        "--side",
        "common",
        "--year",
        1990,
        "--where",
        "mint=Warsaw",
        "--where",
        "mark=a=b",
    )
    assert run("recognize", path, *words) == 0
    assert "match: a" in capsys.readouterr().out
    fields = {"country": "Austria", "side": "common", "year": "1990"}
    assert server.calls[-1][1] == {"k": 5, **fields, "metadata.mint": "Warsaw", "metadata.mark": "a=b"}
    assert run("recognize", path, "--currency", "PLN", "--denomination", "1") == 0
    nothing = "unknown: no view of the catalog has the currency 'PLN'; the nearest there are: 'EUR'"
    assert nothing in capsys.readouterr().out
    assert run("recognize", path, "--country", "austria", "--year", 1990, "--where", "mint=krakow") == 0
    assert "has the metadata.mint 'krakow'; the nearest there are: 'Warsaw'" in capsys.readouterr().out
    server.add("b", (1, 0), year=2002)
    assert run("recognize", path, "--year", 2002, "--where", "mint=WARSAW") == 0
    together = "passes all filters: year '2002' alone leaves 1 view, metadata.mint 'WARSAW' alone leaves 1 view"
    assert together in capsys.readouterr().out


def test_recognize_in_an_empty_catalog(run: Run, photo: MakePhoto, capsys: Capture) -> None:
    path = photo("a.png", Coin((1, 0)))
    assert run("recognize", path) == 0
    assert "unknown: the catalog has nothing to compare with" in capsys.readouterr().out
    assert run("recognize", path, "--country", "Poland") == 0
    assert "has the country 'Poland'; none has a value there" in capsys.readouterr().out
    assert run("recognize", path, "--all", "--country", "Poland") == 0
    assert "has the country 'Poland'; none has a value there" in capsys.readouterr().out


def test_every_filter_is_an_option(run: Run, server: FakeCoinServer, photo: MakePhoto) -> None:
    path = photo("a.png", Coin((1, 0)))
    for name in FILTERS:
        assert run("recognize", path, option(name), "1990") == 0
        assert server.calls[-2][1] == {"k": DEFAULT_K, name: "1990"}


def test_recognize_json(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """It prints one array."""
    server.add("1 złoty", (1, 0))
    path = photo("a.png", Coin((1, 0)))
    assert run("recognize", path, "--top", 1, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["photo"] for one in answer] == [str(path)]
    assert answer[0]["known"] is True and answer[0]["ellipse"]["a"] == 40
    assert answer[0]["matches"][0]["entry"]["name"] == "1 złoty"
    assert answer[0]["matches"][0]["side"] == "common" and answer[0]["margin"] == pytest.approx(1)
    parts = {name: answer[0]["matches"][0][name] for name in ("cosine", "correlation", "angle")}
    assert parts == {"cosine": 1.0, "correlation": None, "angle": None}


def test_the_matches_are_drawn_beside_the_photo(
    run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path
) -> None:
    """Pictures of both sides of each match; below them the photo's coin, the catalog's turned like it, what agrees."""
    key = server.add("coin", (1, 0), relief=1)
    path = photo("a.png", Coin((1, 0), relief=1), side=720)
    panels = []
    for number, options in enumerate([("--no-verify",), (), ()]):
        assert run("recognize", path, "--draw", tmp_path / f"{number}.png", *options) == 0
        panels.append(cv2.imread(str(tmp_path / f"{number}.png"))[:, 720:])
        if number == 1:
            server.catalog.enroll({"entry": key, "side": "other"}, unit((0, 1)))
    coins = [[(part < 250).mean() > 0.5 for part in _sides(panel)] for panel in panels]
    assert coins == [[True, False], [True, False], [True, True]]
    compared = [(panel[540:670] < 250).any(axis=(0, 2)) for panel in panels]
    assert not compared[0].any() and compared[1].mean() > 0.3


def _sides(panel: np.ndarray) -> list[np.ndarray]:
    """Where the pictures of the first match's sides lie in the panel beside a photo of 720 px."""
    return [panel[80:200, 20:140], panel[80:200, 160:280]]


def test_a_folder_stands_for_its_photos(run: Run, photo: MakePhoto, tmp_path: Path, capsys: Capture) -> None:
    for name in ("b.PNG", "a.png"):
        photo(name)
    (tmp_path / "notes.txt").write_text("no photo")
    assert run("recognize", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [str(tmp_path / "a.png"), str(tmp_path / "b.PNG")]
    (tmp_path / "empty").mkdir()
    assert run("recognize", tmp_path / "empty") == 1
    assert f"the folder {tmp_path / 'empty'} holds no photo: none of its files ends in .jpg" in capsys.readouterr().err


def test_a_drawing_that_fails_costs_no_answer(
    run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("1 złoty", (1, 0))
    path = photo("a.png", Coin((1, 0)))

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("mintmark._cli.recognize.save", full)
    for options in ([], ["--json"], ["--jsonl"]):
        assert run("recognize", path, "--draw", tmp_path / "out.png", *options) == 1
        out, err = capsys.readouterr()
        assert "1 złoty" in out and err == f"mintmark: {path}: not drawn: no space left on device\n"


def test_recognize_goes_on_after_a_bad_photo(run: Run, photo: MakePhoto, tmp_path: Path, capsys: Capture) -> None:
    """It names the bad photo, and the exit code is 1."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"text")
    assert run("recognize", bad, photo("a.png")) == 1
    out, err = capsys.readouterr()
    assert "a.png: unknown: no coin found" in out
    assert err == f"mintmark: {bad}: photo is not an image\n"


@pytest.mark.parametrize("side", [120, 700])
def test_recognize_draws(run: Run, server: FakeCoinServer, photo: MakePhoto, tmp_path: Path, side: int) -> None:
    """The outline shows where the coin is, and nothing else is drawn on the photo; small photos are enlarged."""
    server.add("1 złoty ★", (1, 0))
    out = tmp_path / "out.png"
    path = photo("a.png", Coin((1, 0), (60, 50, 40, 30, 0)), side)
    assert run("recognize", path, "--draw", out) == 0
    before, after = (cv2.imread(str(name)) for name in (path, out))
    size = max(side, LEAST_HEIGHT)
    factor = size / side
    assert after.shape[0] == size and after.shape[1] > size
    before = cv2.resize(before, (size, size), interpolation=cv2.INTER_CUBIC)
    changed = (before != after[:, :size]).any(axis=2)
    on_rim, inside, outside = ((round(50 * factor), round(x * factor)) for x in (100, 60, 110))
    assert changed[on_rim] and not changed[inside] and not changed[outside]
    y, x = np.mgrid[:size, :size] / factor
    rim = abs(np.hypot((x - 60) / 40, (y - 50) / 30) - 1) < 0.2
    assert not changed[~rim].any()


def test_recognize_draws_upright(run: Run, server: FakeCoinServer, tmp_path: Path) -> None:
    """It applies the EXIF orientation, as the server does."""
    jpeg = cv2.imencode(".jpg", np.zeros((500, 600, 3), np.uint8))[1].tobytes()
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6: turn right
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    server.photos[path.read_bytes()] = None
    assert run("recognize", path, "--draw", tmp_path / "out.png") == 0
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None and drawn.shape[0] == 640 and (drawn[320, :533] < 40).all()


def test_recognize_draws_several(run: Run, photo: MakePhoto, tmp_path: Path) -> None:
    """It writes one file for each photo."""
    assert run("recognize", photo("a.png"), photo("b.png"), "--draw", tmp_path / "out.png") == 0
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out-1.png", "out-2.png"]


def test_recognize_draws_to_unknown_format(run: Run, photo: MakePhoto, tmp_path: Path, capsys: Capture) -> None:
    """The error names the suffix, before any work."""
    with pytest.raises(SystemExit):
        run("recognize", photo("a.png"), "--draw", tmp_path / "out.xyz")
    assert "'.xyz'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("recognize", "a.png", "--draw"),
        ("show", "x", "--draw"),
        ("calibrate", "manifest.csv", "--plot"),
        ("evaluate", "manifest.csv", "--worst"),
    ],
)
def test_pictures_that_cannot_be_written_cost_no_work(
    run: Run, server: FakeCoinServer, tmp_path: Path, words: tuple[str, ...], capsys: Capture
) -> None:
    with pytest.raises(SystemExit):
        run(*words, tmp_path / "missing" / "out.png")
    assert "its folder is missing" in capsys.readouterr().err and not server.calls


def test_recognize_jsonl(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """It prints an object for each photo as it comes, those that failed included."""
    server.add("1 złoty", (1, 0))
    path = photo("a.png", Coin((1, 0)))
    assert run("recognize", path, path.with_name("gone.png"), path, "--jsonl") == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["photo"] for one in answers] == [str(path), str(path.with_name("gone.png")), str(path)]
    assert answers[0]["known"] is True and "cannot open photo" in answers[1]["error"]


def test_server_down(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """Every command stops at once with one line."""
    path = photo("a.png")
    server.error = ServerUnavailable("server is unavailable")
    for words in (
        ["status"],
        ["list"],
        ["show", "id1"],
        ["reembed"],
        ["recognize", path, path],
        ["enroll", path, *OPTIONS],
    ):
        assert run(*words) == 1
        assert capsys.readouterr() == ("", "mintmark: server is unavailable\n")


def test_options_of_the_connection(monkeypatch: pytest.MonkeyPatch, server: FakeCoinServer) -> None:
    """They come from the environment, before the command, or after it. The last one wins."""
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
    main(["--tls", "status", "--tls-ca", "ca.pem"], connect)
    assert seen[-1].tls and (seen[-1].tls_ca, seen[-1].tls_cert) == ("ca.pem", None)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["recognize"],
        ["recognize", "a", "--top", "0"],
        ["remove"],
        ["recognize", "a", "--where", "mint"],
        ["update", "id1"],
        ["update", "id1", "--set", "=x"],
        ["calibrate", "m.csv", "--false-accept-rate", "0"],
        ["calibrate", "m.csv", "--false-accept-rate", "1"],
    ],
)
def test_wrong_usage(run: Run, words: list[str]) -> None:
    """The exit code is 2."""
    with pytest.raises(SystemExit) as exit_info:
        run(*words)
    assert exit_info.value.code == 2
