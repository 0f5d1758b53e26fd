"""The audit log of a real server: changes and refused tokens, by name, with the client's id, and never a token."""

import json
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from ensemble import variables
from ensemble.audit import CHANGE, REFUSED, record
from mintmark import Client, EntryNotFound, Unauthorized
from server.audit import AuditLog, written_to
from server.gate.rules import ADMIN_HEADER
from tests.server.conftest import Coin, Running, jpeg, launch, start

OWNER, ANNA, READER, ADMIN = "the-owner-s-token", "anna-s-own-token", "the-readers-token", "the-operator-s-key"
WRONG = "a-guessed-token"
SOON = 20  # s


class Lines(list[str]):
    """What an audit log wrote."""

    def wait(self, count: int) -> list[dict[str, Any]]:
        """The lines, once there are so many."""
        deadline = time.monotonic() + SOON
        while len(self) < count:
            assert time.monotonic() < deadline, self
            time.sleep(0.01)
        return [json.loads(line) for line in self]


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AuditLog, Lines]]:
    """A log that this process tells of what happens."""
    lines = Lines()
    log = AuditLog(tmp_path / "a", lines.append)
    for name, value in log.environment.items():
        monkeypatch.setenv(name, value)
    yield log, lines
    log.close()


def test_a_line_says_when_and_what(listening: tuple[AuditLog, Lines]) -> None:
    record(CHANGE, who="anna", entries=["de2"], what="enroll", request="7")
    (line,) = listening[1].wait(1)
    assert line.pop("at").endswith("Z")
    assert line == {"event": "change", "who": "anna", "entries": ["de2"], "what": "enroll", "request": "7"}


def test_no_text_of_a_client_makes_a_line_or_a_long_one(listening: tuple[AuditLog, Lines]) -> None:
    forged = 'x\n{"event": "change", "who": "owner"}'
    record(REFUSED, why=forged, request="r" * 1_000_000)
    (line,) = listening[1].wait(1)
    assert (line["event"], line["why"]) == ("refused", forged)
    assert len(line["request"]) < 3_000
    assert "\n" not in listening[1][0]


def test_what_was_said_before_the_end_is_written(listening: tuple[AuditLog, Lines]) -> None:
    log, lines = listening
    for number in range(50):
        record(CHANGE, number=number)
    log.close()
    assert [json.loads(line)["number"] for line in lines] == list(range(50))


def test_a_log_that_is_gone_stops_nobody(listening: tuple[AuditLog, Lines], capsys: pytest.CaptureFixture[str]) -> None:
    listening[0].close()
    record(CHANGE, who="anna")
    assert "audit: a line was lost" in capsys.readouterr().err


def test_a_line_that_cannot_be_written_is_told_and_the_next_one_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines()

    def write(line: str) -> None:
        if "lost" in line:
            raise OSError("the disk is full")
        lines.append(line)

    log = AuditLog(tmp_path / "a", write)
    for name, value in log.environment.items():
        monkeypatch.setenv(name, value)
    for who in ("lost", "anna"):
        record(CHANGE, who=who)
    assert [one["who"] for one in lines.wait(1)] == ["anna"]
    log.close()
    said = capsys.readouterr().err
    assert "audit: a line was lost (the disk is full)" in said and '"who": "lost"' in said


def test_the_output_may_be_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as kept:
        written_to("-", kept)("a line")
    assert capsys.readouterr().out == "a line\n"


def test_without_a_log_nothing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(variables.AUDIT_SOCKET, raising=False)
    record(CHANGE, who="anna")
    assert capsys.readouterr().err == ""


# --- a real server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A server with an audit log and names, and the log."""
    folder = tmp_path_factory.mktemp("audited")
    file = folder / "audit.log"
    tokens = {variables.TOKEN: OWNER, variables.TOKENS: f"anna:{ANNA}", variables.READ_TOKEN: READER}
    running = launch(folder, "--audit", str(file), "--json-log", **{**tokens, variables.ADMIN_KEY: ADMIN})
    yield running, file
    running.stop()


def written(file: Path, begin: int, count: int) -> list[dict[str, Any]]:
    """The lines from `begin` on, once there are so many."""
    deadline = time.monotonic() + SOON
    while len(lines := file.read_text().splitlines()) < begin + count:
        assert time.monotonic() < deadline, lines
        time.sleep(0.05)
    return [json.loads(line) for line in lines[begin:]]


@pytest.mark.server
def test_changes_are_told_with_the_name_of_who_made_them(audited: tuple[Running, Path], coins: list[Coin]) -> None:
    running, file = audited
    begin = len(file.read_text().splitlines())
    with Client(running.url, token=ANNA) as anna, Client(running.url, token=OWNER) as owner:
        entry = anna.enroll(jpeg(coins[0].catalog), coins[0].fields)
        anna.update(entry.id, year=1999)
        anna.recognize(jpeg(coins[0].query))
        anna.show(entry.id)
        with pytest.raises(EntryNotFound):
            anna.remove("nobody")
        owner.undo()
        owner.remove(entry.id)
    lines = written(file, begin, 4)
    assert [(one["who"], one["what"], one["entries"]) for one in lines] == [
        ("anna", "enroll", [entry.id]),
        ("anna", "update", [entry.id]),
        ("owner", "undo", [entry.id]),
        ("owner", "remove", [entry.id]),
    ]


@pytest.mark.server
def test_refused_tokens_are_told_wherever_they_are_refused(audited: tuple[Running, Path], coins: list[Coin]) -> None:
    running, file = audited
    begin = len(file.read_text().splitlines())
    with Client(running.url, token=READER) as reader, pytest.raises(Unauthorized):
        reader.remove("nobody")
    with Client(running.url, token=READER) as reader, pytest.raises(Unauthorized):
        reader.enroll(jpeg(coins[0].catalog), coins[0].fields)
    with Client(running.url, token=WRONG) as stranger, pytest.raises(Unauthorized):
        stranger.recognize(jpeg(coins[0].query))
    with triton.InferenceServerClient(running.url) as operator, pytest.raises(triton.InferenceServerException):
        operator.get_model_config("search", headers={ADMIN_HEADER: WRONG, "authorization": f"Bearer {OWNER}"})
    lines = written(file, begin, 4)
    assert [one["event"] for one in lines] == ["refused"] * 4
    assert [one["why"].partition(":")[2] for one in lines[:3]] == [" wrong token"] * 3
    assert "127.0.0.1" in lines[2]["peer"]
    assert lines[3]["method"].endswith("/ModelConfig")


@pytest.mark.server
def test_asking_what_a_token_may_do_is_no_refusal(audited: tuple[Running, Path]) -> None:
    running, file = audited
    begin = len(file.read_text().splitlines())
    for token, may in ((READER, False), (ANNA, True), (OWNER, True)):
        with Client(running.url, token=token) as client:
            assert client.may_change() is may
    with Client(running.url, token=WRONG) as stranger, pytest.raises(Unauthorized):
        stranger.may_change()
    assert [one["why"] for one in written(file, begin, 1)] == ["unauthorized: wrong token"]


@pytest.mark.server
def test_a_line_has_the_client_s_id_of_the_request(audited: tuple[Running, Path], coins: list[Coin]) -> None:
    running, file = audited
    begin = len(file.read_text().splitlines())
    photo, fields = triton.InferInput("encoded", [1, 1], "BYTES"), triton.InferInput("metadata", [1, 1], "BYTES")
    photo.set_data_from_numpy(np.array([[jpeg(coins[1].catalog)]], object))
    text = {"name": "a", "country": "b", "currency": "c", "denomination": "1", "side": "obverse", "entry": "own-id"}
    fields.set_data_from_numpy(np.array([[json.dumps(text).encode()]], object))
    with triton.InferenceServerClient(running.url) as client:
        for token in (WRONG, ANNA):
            headers = {"authorization": f"Bearer {token}" if token == ANNA else f"Bearer {READER}"}
            try:
                client.infer("coin_enroll", [photo, fields], request_id=f"of-{token}", headers=headers)
            except triton.InferenceServerException as refused:
                assert token == WRONG, refused
    lines = written(file, begin, 2)
    assert [(one["event"], one["request"]) for one in lines] == [("refused", f"of-{WRONG}"), ("change", f"of-{ANNA}")]


@pytest.mark.server
def test_no_log_holds_a_token(audited: tuple[Running, Path]) -> None:
    _, file = audited
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text() + (file.parent / "server.log").read_text()
    for secret in (OWNER, ANNA, READER, ADMIN):
        assert secret not in text.replace("of-" + ANNA, "")


@pytest.mark.server
def test_each_line_of_the_json_log_is_an_object(audited: tuple[Running, Path]) -> None:
    _, file = audited
    lines = [json.loads(line) for line in (file.parent / "server.log").read_text().splitlines()]
    assert len(lines) > 20
    assert all({"at", "level", "text"} <= line.keys() for line in lines)
    assert {"info", "warning"} <= {line["level"] for line in lines}
    assert any(line["text"].startswith("successfully loaded 'coin_search'") for line in lines)


@pytest.mark.server
def test_a_server_that_cannot_keep_its_log_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = start(tmp_path, "--audit", str(tmp_path / "file" / "audit.log"))
    assert process.wait(60) == 1
    assert "error: the audit log cannot be written" in (tmp_path / "output.txt").read_text()
    process = start(tmp_path, "--log", str(tmp_path / "file" / "server.log"))
    assert process.wait(60) == 1
    assert "error: the log cannot be written" in (tmp_path / "output.txt").read_text()
