"""Lines of logs as JSON, and files that do not grow without end."""

import json
from pathlib import Path

import pytest

from server import log
from server.log import PrivateFile, as_json


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
