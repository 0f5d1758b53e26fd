"""Locust's users against a real server: each kind of load once, small; no figure is judged."""

import argparse
import json
from pathlib import Path

import pytest

from ensemble.contract import COIN_EMBEDDING
from ensemble.graph import STEPS
from loadtest.breakdown.figures import Watch
from loadtest.host import Host, connect
from loadtest.locust.run import LOCUSTFILE, MODELFILE, common, headless, read_rows, run_locust
from loadtest.models import inputs_of_models

pytestmark = pytest.mark.server


def test_users_of_all_kinds_are_counted(there: Host, options: argparse.Namespace, tmp_path: Path) -> None:
    with connect(there.url) as client:
        before = client.status().entries
    watch = Watch(there.url, there.metrics)
    words = [*headless("4s"), *common(options, 10), "--shape", "spike", "--error-limit", "0"]
    words += ["--html", str(tmp_path / "report.html")]
    assert run_locust(LOCUSTFILE, there.url, words, tmp_path / "locust.json") == 0
    rows = {row.name: row for row in read_rows(tmp_path / "locust.json")}
    assert {"recognize", "Aggregated"} <= set(rows)
    assert rows["Aggregated"].failures == 0
    assert "recognize" in (tmp_path / "report.html").read_text()
    photos = sum(row.requests for name, row in rows.items() if name not in ("remove", "Aggregated"))
    result = watch.finish()
    assert result.photos == photos, "every answer was waited for"
    assert all(ms > 0 for ms in result.inside.values()) and len(result.inside) == 1 + len(STEPS[COIN_EMBEDDING])
    with connect(there.url) as client:
        assert client.status().entries == before, "what was enrolled was removed"


def test_a_limit_sets_the_exit_code_with_several_workers(
    there: Host, options: argparse.Namespace, tmp_path: Path
) -> None:
    words = ["Recognizer", *headless("3s"), *common(options, 2), "--processes", "2"]
    assert run_locust(LOCUSTFILE, there.url, [*words, "--p95-limit", "0.001"], tmp_path / "limit.json") == 1
    assert read_rows(tmp_path / "limit.json")[-1].requests > 0


def test_a_rate_is_kept(there: Host, options: argparse.Namespace, tmp_path: Path) -> None:
    words = ["Recognizer", *headless("4s"), *common(options, 2), "--rate", "1"]
    run_locust(LOCUSTFILE, there.url, words, tmp_path / "rate.json")
    assert 1 <= read_rows(tmp_path / "rate.json")[-1].requests <= 6


def test_failures_are_grouped_by_kind(there: Host, options: argparse.Namespace, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(b"no photo" * (number + 1))
    bad = argparse.Namespace(**{**vars(options), "photos": tmp_path / "photos"})
    words = ["Recognizer", *headless("2s"), *common(bad, 1), "--rate", "5"]
    assert run_locust(LOCUSTFILE, there.url, words, tmp_path / "bad.json") == 1
    errors = json.loads((tmp_path / "bad.json").read_text())["errors"]
    assert [(error["name"], error["kind"]) for error in errors] == [("recognize", "InvalidPhoto")]


def test_a_single_model_can_be_loaded(there: Host, options: argparse.Namespace, tmp_path: Path) -> None:
    inputs_of_models(there.url, there.queries[0])  # the server compiles a step when it is asked for the first time
    words = [*headless("2s"), *common(options, 2), "--model", "embedding", "--error-limit", "0"]
    assert run_locust(MODELFILE, there.url, words, tmp_path / "model.json") == 0
    assert read_rows(tmp_path / "model.json")[0].name.startswith("embedding")
