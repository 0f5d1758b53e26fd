"""The check of a GPU machine compares and measures what it says; without a GPU it builds, then says what is missing."""

import importlib.util
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from backends.tensorrt_rtx.session import EngineSession
from ensemble.chain import Runner
from ensemble.contract import COMPUTE_MODELS, EMBEDDER, PREPROCESS, SEGMENTATION, Model
from tests.backends.host import HostDevice, RuntimeContext
from tests.server.conftest import jpeg, make_coin

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def check(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("check_gpu")


@pytest.fixture(scope="module")
def figures(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("gpu_report")


@pytest.fixture(scope="module")
def sessions() -> dict[Model, EngineSession]:
    """Every engine, computed by ONNX Runtime."""
    made = {}
    for model in COMPUTE_MODELS:
        device = HostDevice()
        made[model] = EngineSession(model, RuntimeContext(model, device), device)
    return made


def plain(model: Model) -> Runner:
    """A step in float32. Not by OpenVINO: torch's loading processes do not survive it in the process they come from."""
    device = HostDevice()
    session = EngineSession(model, RuntimeContext(model, device), device)
    return lambda inputs, threads: session.run([inputs])[0]


def test_parity_sees_every_output_of_every_step(check: ModuleType, sessions: dict[Model, EngineSession]) -> None:
    photos = [jpeg(make_coin(900_001).query)]
    rows = check.check_parity(photos, sessions, plain)
    assert {(row.step, row.output) for row in rows} == {(m.name, t.name) for m in COMPUTE_MODELS for t in m.outputs}
    assert all(row.holds for row in rows), rows


def test_a_step_that_computes_something_else_is_found(check: ModuleType, sessions: dict[Model, EngineSession]) -> None:
    def wrong(model: Model) -> Runner:
        run = plain(model)
        return lambda *given: {name: array + (model is EMBEDDER) * 0.1 for name, array in run(*given).items()}

    rows = check.check_parity([jpeg(make_coin(900_001).query)], sessions, wrong)
    assert [row.output for row in rows if not row.holds] == ["embedding"]


def test_the_speed_of_an_engine_counts_pictures(check: ModuleType, sessions: dict[Model, EngineSession]) -> None:
    context = sessions[PREPROCESS]._context
    assert isinstance(context, RuntimeContext)
    before = len(context.batches)
    speed = check.engine_speed(PREPROCESS, sessions[PREPROCESS], batch=8, seconds=0.3)
    inferences = len(context.batches) - before - 3  # three warm up
    assert set(context.batches[before:]) == {8}
    assert 0 < speed.per_second <= 8 * inferences / 0.3


def test_load_keeps_so_many_requests_under_way(check: ModuleType) -> None:
    lock, running, most, asked = threading.Lock(), 0, 0, []

    def ask(photo: bytes) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            asked.append(photo)
        time.sleep(0.02)
        with lock:
            running -= 1

    speed = check.server_speed(ask, [b"a", b"b", b"c"], concurrency=4, seconds=0.5)
    assert most == 4
    assert set(asked) == {b"a", b"b", b"c"}
    assert speed.p50_ms <= speed.p95_ms <= speed.p99_ms
    assert speed.p50_ms >= 20 and speed.per_second <= len(asked) / 0.5


def test_the_limit_is_the_slowest_engine(figures: ModuleType) -> None:
    rates = {model.name: 1000.0 for model in COMPUTE_MODELS} | {SEGMENTATION.name: 600.0}
    report = figures.Report(
        "a GPU",
        "TensorRT",
        [figures.Parity("segmentation", "mask", 0.01)],
        [figures.EngineSpeed(n, b, rate * b / 32) for n, rate in rates.items() for b in figures.BATCHES],
        [figures.ServerSpeed(1, 200.0, 9.0, 10.0, 11.0), figures.ServerSpeed(16, 540.0, 50.0, 60.0, 70.0)],
    )
    assert math.isclose(report.limit, 600.0)
    assert math.isclose(report.share, 0.9)
    text = report.markdown()
    assert "| segmentation | 19 | 150 | 600 |" in text
    assert "| 16 | 540.0 | 50.0 | 60.0 | 70.0 |" in text
    assert "0.90 of what the slowest engine alone allows (600 photos a second)" in text


def test_a_difference_above_the_tolerance_fails(figures: ModuleType) -> None:
    assert figures.Parity("crop", "found", 0.0).holds
    assert not figures.Parity("crop", "found", 1.0).holds
    assert {t.name for model in COMPUTE_MODELS for t in model.outputs} == set(figures.TOLERANCE)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed, there may be a GPU")
def test_without_a_gpu_it_builds_and_says_what_is_missing(
    check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--flavor", "tensorrt_rtx", "--repository", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert all(f"{model.name}: built" in said for model in COMPUTE_MODELS)
    assert "error: CuPy cannot be imported" in said and "requirements/rtx.txt" in said
