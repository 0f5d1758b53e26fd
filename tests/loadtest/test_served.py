"""The load tests against a real server: every kind of load once, small; no figure is judged."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as pb

from ensemble.contract import COIN_EMBEDDING, COIN_ENROLL, COIN_ID, EMBEDDER, ENSEMBLES, MODELS, SEARCH
from ensemble.graph import STEPS, Target
from loadtest import perf_analyzer, planning
from loadtest.breakdown import Watch
from loadtest.compare import PYTORCH_TUNED, check_answers, contenders, run_rounds, started
from loadtest.comparison import Comparison
from loadtest.contenders.base import Contender
from loadtest.crew import Crew
from loadtest.host import Host, connect
from loadtest.locust_run import LOCUSTFILE, MODELFILE, common, headless, read_rows, run_locust
from loadtest.perf_analyzer import write_inputs
from loadtest.perf_binary import PerfAnalyzerError, get
from loadtest.prepared import Sender, encoded
from loadtest.stage_times import Times, measure
from loadtest.steps import inputs_of_models, remote, transport
from mintmark import InvalidPhoto


@pytest.fixture(scope="module")
def running(there: Host) -> Iterator[list[Contender]]:
    """All contenders but the second one of PyTorch."""
    makers = contenders(there, cores=2, target=Target.CPU)
    del makers[PYTORCH_TUNED]
    with started(list(makers.values())) as all_of_them:
        yield all_of_them


def test_contenders_answer_alike_and_can_be_compared(running: list[Contender], there: Host) -> None:
    check_answers(running, there.queries[:3])
    runs = run_rounds(running, there.queries, concurrencies=[2], rounds=1, seconds=0.5)
    assert {run.contender for run in runs} == {contender.name for contender in running}
    for run in runs:
        assert run.failures == {}
        assert run.throughput > 0
        assert run.cpu_s > 0
        assert run.memory_mib > 100
    assert "mintmark" in Comparison(2, runs).text()


def test_every_model_takes_what_is_made_for_it(there: Host) -> None:
    inputs = inputs_of_models(there.url, there.queries[0])
    assert set(inputs) == set(MODELS)
    connection = transport(there.url)
    with connect(there.url) as client:
        known = {entry.id for entry in client.entries()}
        for model, arrays in inputs.items():
            outputs = remote(model, connection)(arrays)
            assert set(outputs) == {tensor.name for tensor in model.outputs}
        for entry in list(client.entries()):
            if entry.id not in known:
                client.remove(entry.id)
    connection.close()


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
    assert result.photos == photos, "all that was sent was waited for"
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
    words = [*headless("2s"), *common(options, 2), "--model", "embedding", "--error-limit", "0"]
    assert run_locust(MODELFILE, there.url, words, tmp_path / "model.json") == 0
    assert read_rows(tmp_path / "model.json")[0].name.startswith("embedding")


def test_a_prepared_request_is_the_clients_own(there: Host) -> None:
    sender = Sender(there.url)
    answers = [pb.ModelInferResponse.FromString(sender.ask(encoded(photo))) for photo in there.queries]
    with connect(there.url) as client:
        for photo, answer in zip(there.queries, answers, strict=True):
            keys = triton.InferResult(answer).as_numpy(COIN_ID.name)[0]
            assert [key.decode() for key in keys if key] == [
                match.entry.id for match in client.recognize(photo).matches
            ]


def test_a_prepared_request_fails_as_the_clients_does(there: Host) -> None:
    with pytest.raises(InvalidPhoto, match="not an image"):
        Sender(there.url).ask(encoded(b"no photo"))


def test_a_crew_shares_the_load(there: Host) -> None:
    with Crew(there.url, there.queries, processes=2) as crew:
        samples = crew.open([(4.0, 1.0), (2.0, 1.0)])
        assert [sample.start for sample in samples] == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
        samples += crew.closed(2, 0.5)
    assert {sample.failure for sample in samples} == {""}


def test_stage_times_are_measured_and_planned_with(there: Host, tmp_path: Path) -> None:
    times = measure(there, cores=2, seconds=0.1)
    times.save(tmp_path / "stages.json")
    assert Times.load(tmp_path / "stages.json") == times
    assert [stage.model for stage in times.stages] == [COIN_EMBEDDING.name, SEARCH.name]
    chain, search = times.stages
    assert set(chain.seconds) == set(chain.cores) == set(range(1, chain.instances + 1))
    assert set(search.seconds) == {1}
    table = ["table", "--stages", str(tmp_path / "stages.json"), "--machines", "1", "--sample", "200"]
    assert planning.main(table) == 0


def test_input_files_hold_photos_and_tensors(there: Host, tmp_path: Path) -> None:
    files = write_inputs(there, [COIN_ENROLL, *(model for model in MODELS if model not in ENSEMBLES)], tmp_path)
    assert len(json.loads(files[COIN_ENROLL].read_text())["data"]) == len(there.queries)
    for model, file in files.items():
        record = json.loads(file.read_text())["data"][0]
        assert {name: tensor["shape"] for name, tensor in record.items()} == {
            tensor.name: list(tensor.dims) for tensor in model.inputs
        }


@pytest.mark.parametrize("steady", [1000, 0])
def test_perf_analyzer_measures(there: Host, tmp_path: Path, steady: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing counts as steady, too."""
    try:
        get()
    except PerfAnalyzerError as error:
        pytest.skip(f"perf_analyzer cannot be had here: {error}")
    inputs = write_inputs(there, [EMBEDDER], tmp_path)[EMBEDDER]
    monkeypatch.setattr(perf_analyzer, "STEADY", steady)
    measured = perf_analyzer.measure(EMBEDDER, there, inputs, concurrency=1, window=0.5, folder=tmp_path)
    assert measured.throughput > 0
    assert np.isfinite([measured.p50_ms, measured.p95_ms]).all()
    assert "-m embedding" in (tmp_path / "commands.sh").read_text()
