"""A container whose log is JSON lines, with the audit log among them: the entrypoint with a real Triton."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.environment import SettingsError
from deploy.settings import read_settings
from ensemble import variables
from mintmark import Client, EntryNotFound, Unauthorized
from tests.deploy.conftest import TOKEN, Container
from tests.deploy.running import Server


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.server
def test_every_line_is_an_object_and_refusals_are_among_them(tmp_path: Path) -> None:
    server = Server(tmp_path, MINTMARK_LOG_FORMAT="json", MINTMARK_AUDIT="-")
    try:
        server.wait("")
        for token, refusal in (("wrong", Unauthorized), (TOKEN, EntryNotFound)):
            with Client(server.grpc, token=token) as client, pytest.raises(refusal):
                client.remove("nobody")
        with Client(server.grpc, token=TOKEN) as client:
            client.set_threshold(0.5)
    finally:
        assert server.stop() == 0
    lines = objects(server.log.read_text())
    texts = [line.get("text", "") for line in lines]
    for said in ("mintmark: preparing the models", "configs for", "mintmark: ready", "mintmark: stopped by signal 15"):
        assert any(text.startswith(said) for text in texts), said
    assert any(line.get("from", "").startswith("model_lifecycle.cc") for line in lines)
    events = [(line["event"], line.get("who"), line.get("what")) for line in lines if "event" in line]
    assert events == [("refused", None, None), ("change", "owner", "calibrate")]
    assert TOKEN not in server.log.read_text()


@pytest.mark.slow
def test_what_the_builder_says_is_json_too(container: Container) -> None:
    builder = container.builder("import sys; print('on stdout', flush=True); print('on stderr', file=sys.stderr)")
    result = container.run(MINTMARK_BUILDER=builder, MINTMARK_LOG_FORMAT="json")
    assert [line["text"] for line in objects(result.stdout)][:2] == ["on stdout", "on stderr"]
    assert all("text" in line for line in objects(result.stderr))


def test_no_other_form() -> None:
    with pytest.raises(SettingsError, match="MINTMARK_LOG_FORMAT is 'xml'; it must be one of text, json"):
        read_settings({variables.TOKEN: TOKEN, variables.LOG_FORMAT: "xml"})
