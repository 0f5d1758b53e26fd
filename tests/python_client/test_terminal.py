"""What is printed commands no terminal, keeps its columns, and gets through any encoding."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mintmark._cli.output import align
from mintmark._cli.terminal import Guarded, guarded, one_line
from tests.python_client.fake_coin_server import Coin, FakeCoinServer
from tests.python_client.samples import Capture, MakePhoto, Run

ROOT = Path(__file__).resolve().parents[2]
EVIL = "2 \x1b[31meuro\x07\x9b2J\x7f\u202e\r\n\tx"
COMMANDS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2028) if code != 0x0A]


def test_names_that_command_a_terminal(run: Run, server: FakeCoinServer, photo: MakePhoto, capsys: Capture) -> None:
    """Whatever a catalog, an error or a file's name says, in every command; and JSON is still JSON."""
    server.add(EVIL, (1,), entry="x", side=EVIL, metadata={EVIL: EVIL})
    path = photo("a\x1b[2Jb\u202e.png", Coin((1,)))
    for words in (
        ["list"],
        ["list", "--json"],
        ["show", "x"],
        ["show", "x", "--json"],
        ["recognize", path],
        ["recognize", path, "--json"],
        ["recognize", path, "--jsonl"],
        ["recognize", path, "--all"],
        ["recognize", path.with_name("gone\x1b.png")],
        ["recognize", path, "--country", "\x1b[2J"],
        ["remove", "\x1b[2J"],
        ["enroll", "--from", path.with_name("gone\x1b.csv")],
        ["update", "x", "--name", EVIL],
    ):
        run(*words)
        out, err = capsys.readouterr()
        assert not [letter for letter in COMMANDS if letter in out + err], words
        if "--json" in words or "--jsonl" in words:
            json.loads(out)
    with pytest.raises(SystemExit):
        run("status", "\x1b[2J")
    assert "\x1b" not in capsys.readouterr().err


def test_json_gives_names_back(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    server.add(EVIL, (1,), entry="x")
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == EVIL


def test_long_names_do_not_break_a_table(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    server.add("ż" * 500, (1,), entry="long")
    server.add("漢" * 500, (1,), entry="wide")
    server.add("1 złoty", (1,), entry="short")
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 120
    assert [line.split()[-1] for line in lines] == ["id", "long", "wide", "short"]
    assert "żżż…" in lines[1] and "漢…" in lines[2]
    assert run("show", "long") == 0
    assert "ż" * 500 in capsys.readouterr().out, "where nothing follows, it is whole"


def test_a_line_is_one_line() -> None:
    assert one_line("a\r\nb\x1bc\u2028") == "a\\u000d\\nb\\u001bc\\u2028"
    assert align([["a\nb", "c"], ["d", "e\nf"]]) == ["a\\nb  c", "d     e\\nf"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16-le"])
def test_letters_that_an_encoding_lacks_are_written_out(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    text = '"é ł 漢 😀 \udcff"'
    print(text, file=Guarded(stream), end="")  # type: ignore[arg-type]
    stream.flush()
    written = raw.getvalue().decode(encoding)
    assert json.loads(written).encode("utf-16", "surrogatepass") == json.loads(text).encode("utf-16", "surrogatepass")


def test_streams_are_as_before_afterwards() -> None:
    before = sys.stdout, sys.stderr
    with guarded():
        assert sys.stdout.fileno  # type: ignore[truthy-function]
    assert (sys.stdout, sys.stderr) == before


LOCALES = (
    {"LC_ALL": "C"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)
PROGRAM = r"""
import sys
from mintmark import Client, MockTransport
from mintmark._cli import main
from tests.python_client.fake_coin_server import FakeCoinServer
server = FakeCoinServer()
server.add("1 z\u0142oty \u6f22 \U0001f600", (1,), entry="x")
sys.exit(main(None, lambda args: Client(transport=MockTransport(server))))
"""


@pytest.mark.parametrize("locale", LOCALES)
def test_output_survives_any_locale_and_file_name(tmp_path: Path, locale: Mapping[str, str]) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe-\xc5\x82.png"
    Path(os.fsdecode(name)).write_bytes(b"no photo")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "python_client" / "src")]),
        **locale,
    }

    def run(*words: str | bytes) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([sys.executable, "-c", PROGRAM, *words], cwd=ROOT, env=environment, capture_output=True)

    listed = run("list")
    assert listed.returncode == 0 and b"1 z" in listed.stdout, listed.stderr
    assert json.loads(run("list", "--json").stdout)[0]["name"] == "1 złoty 漢 😀"
    refused = run("recognize", name)
    assert refused.returncode == 1 and b"not an image" in refused.stderr and b"Traceback" not in refused.stderr
    table = tmp_path / os.fsdecode(b"\xff.csv")
    table.write_text("path,name,country,currency,denomination,side\n\u0142.png,x,x,x,1,edge\n", encoding="utf-8")
    enrolled = run("enroll", "--from", os.fsencode(table))
    assert enrolled.returncode == 1 and b"Traceback" not in enrolled.stderr, enrolled.stderr
    assert b"cannot open photo" in enrolled.stderr and list(tmp_path.glob("*.failed.csv"))
