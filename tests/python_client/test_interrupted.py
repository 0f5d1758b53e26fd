"""Ctrl-C: what was answered is printed already, stderr says how much was done, and the exit code is 130."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from mintmark._cli.options import option
from mintmark._contract import REQUIRED
from tests.python_client.fake_coin_server import Coin
from tests.python_client.samples import MakePhoto
from tests.python_client.terminals import ROOT, command, environment

TOLD = [word for name in REQUIRED for word in (option(name), "x")]
PREPARE = """
import pathlib, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with SIGINT ignored
server.add("1 zloty", (1,))
quick = server
top = pathlib.Path(sys.argv[2])
paths = sorted((top if top.is_dir() else top.parent).glob("*.png"))
for path in paths:
    server.photos[path.read_bytes()] = Coin((1,))

def server(model, inputs, parameters):
    if "encoded" in inputs and inputs["encoded"][0, 0] == paths[{last}].read_bytes():
        print("waiting", file=sys.stderr, flush=True)
        time.sleep(600)
    return quick(model, inputs, parameters)
"""


@pytest.fixture
def photos(photo: MakePhoto) -> list[Path]:
    return [photo(f"{number}.png", Coin((1,))) for number in range(4)]


def interrupted(last: int, *words: object) -> tuple[str, str, str, int]:
    """What is on stdout when the photo of this number is under way, and after Ctrl-C; stderr, and the exit code."""
    process = subprocess.Popen(
        command(PREPARE.format(last=last), *words), cwd=ROOT, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    said = b""
    while not said.endswith(b"waiting\n"):
        line = process.stderr.readline()
        assert line, said
        said += line
    os.set_blocking(process.stdout.fileno(), False)
    before = process.stdout.read() or b""
    os.set_blocking(process.stdout.fileno(), True)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return before.decode(), (before + out).decode(), err.decode(), process.returncode


def test_recognize(photos: list[Path]) -> None:
    before, out, err, code = interrupted(2, "recognize", *photos)
    assert before == out and [line.split(": ")[1] for line in out.splitlines()[::2]] == ["match", "match"]
    assert (err, code) == ("mintmark: interrupted: 2 of 4 photos done\n", 130)


def test_recognize_a_folder_as_json(photos: list[Path]) -> None:
    """The array is whole, with what was answered."""
    before, out, err, code = interrupted(2, "recognize", photos[0].parent, "--json")
    assert [one["photo"] for one in json.loads(f"{before}]")] == [str(path) for path in photos[:2]]
    assert json.loads(out) == json.loads(f"{before}]")
    assert (err, code) == ("mintmark: interrupted: 2 of 4 photos done\n", 130)


def test_recognize_as_json_before_the_first_answer(photos: list[Path]) -> None:
    _, out, err, code = interrupted(0, "recognize", photos[0], "--json")
    assert json.loads(out) == [] and (err, code) == ("mintmark: interrupted: 0 of 1 photo done\n", 130)


def test_recognize_as_lines_of_json(photos: list[Path]) -> None:
    before, out, _, code = interrupted(3, "recognize", photos[0].parent, "--jsonl")
    assert before == out and len([json.loads(line) for line in out.splitlines()]) == 3 and code == 130


def test_pairs_are_counted(photos: list[Path]) -> None:
    _, out, err, code = interrupted(2, "recognize", *photos, "--pair")
    assert " + " in out and (err, code) == ("mintmark: interrupted: 1 of 2 pairs done\n", 130)


def test_enroll(photos: list[Path]) -> None:
    """The id is printed, so the other photos can be added."""
    _, out, err, code = interrupted(2, "enroll", *photos, *TOLD, "--side", "obverse", "--new")
    assert out == "id2\n" and err.endswith("mintmark: interrupted: 2 of 4 photos done\n") and code == 130


def test_enroll_before_the_first_is_done(photos: list[Path]) -> None:
    _, out, err, code = interrupted(0, "enroll", *photos, *TOLD, "--side", "obverse", "--new")
    assert (out, err, code) == ("", "mintmark: interrupted: 0 of 4 photos done\n", 130)
