"""Lines of logs as JSON, and files that do not grow without end."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import log
from server.log import Lines, PrivateFile, as_json


@pytest.mark.parametrize(
    ("line", "level", "source", "text"),
    [
        (
            'I1130 13:01:30.012477 4905 model_lifecycle.cc:472] "loading: catalog:1"',
            "info",
            "model_lifecycle.cc:472",
            "loading: catalog:1",
        ),
        ("E1130 13:01:30.012562 4905 pb_stub.cc:402] it failed", "error", "pb_stub.cc:402", "it failed"),
        ('2026-11-30T13:01:30Z W 4905 server.cc:241] "not so good"', "warning", "server.cc:241", "not so good"),
        ("mintmark: ready", "info", None, "mintmark: ready"),
        ('{"at": "forged", "level": "x"}', "info", None, '{"at": "forged", "level": "x"}'),
    ],
)
def test_a_line_becomes_an_object(line: str, level: str, source: str | None, text: str) -> None:
    said = json.loads(as_json(line))
    assert (said["level"], said.get("from"), said["text"]) == (level, source, text)
    assert said["at"].endswith("Z") and said["at"] != "forged"


def test_a_file_makes_room_for_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 1_000)
    file = PrivateFile(tmp_path / "folder" / "audit.log")
    for number in range(100):
        file.write(f"{number:050d}")
    file.close()
    files = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert files == ["audit.log", "audit.log.1", "audit.log.2"]
    assert all(path.stat().st_size <= 1_000 for path in (tmp_path / "folder").iterdir())
    assert (tmp_path / "folder" / "audit.log").read_text().splitlines()[-1] == f"{99:050d}"


def test_a_file_that_is_renamed_or_removed_is_begun_again(tmp_path: Path) -> None:
    """As logrotate does; what it renames is whole and gets no more lines."""
    path = tmp_path / "audit.log"
    file = PrivateFile(path)
    file.write("first")
    path.rename(tmp_path / "audit.log-20261130")
    file.write("second")
    assert (tmp_path / "audit.log-20261130").read_text() == "first\n"
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("second\n", 0o600)
    path.unlink()
    file.write("third")
    file.close()
    assert path.read_text() == "third\n"


def test_a_file_in_a_folder_that_takes_no_other_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one in /var/log that root has made for the server's user."""
    monkeypatch.setattr(log, "MOST_BYTES", 100)
    file = PrivateFile(tmp_path / "audit.log")

    def refuse(*_: object) -> None:
        raise PermissionError("no other file")

    monkeypatch.setattr(os, "replace", refuse)
    for number in range(20):
        file.write(f"{number:020d}")
    file.close()
    assert len((tmp_path / "audit.log").read_text().splitlines()) == 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_on_a_full_disk_lines_are_missing_and_none_is_half_there(small_disk: Path) -> None:
    (small_disk / "others").write_bytes(bytes(60 << 10))
    file = PrivateFile(small_disk / "audit.log")
    with pytest.raises(OSError, match="No space"):
        for number in range(1_000):
            file.write(f"{number:99d}")
    (small_disk / "others").unlink()
    file.write("there is room again")
    file.close()
    lines = (small_disk / "audit.log").read_text().splitlines()
    assert [int(line) for line in lines[:-1]] == list(range(len(lines) - 1)) and len(lines) > 10
    assert lines[-1] == "there is room again"


def test_a_process_is_read_on_where_its_lines_cannot_be_written() -> None:
    """It would wait for ever as soon as the pipe is full."""
    asked = []

    def fail(line: str) -> None:
        asked.append(line)
        raise OSError("the disk is full")

    lines = Lines(fail)
    script = "print('x' * 100 + '\\n', end='', flush=True)\n" * 3
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines.follow(process.stdout)
        assert process.wait(60) == 0
        lines.close()
    assert asked == ["x" * 100] * 3
