"""perf_analyzer on a real server: its inputs, and one measurement; no figure is judged."""

import json
from pathlib import Path

import numpy as np
import pytest

from ensemble.contract import COIN_ENROLL, EMBEDDER, ENSEMBLES, MODELS
from loadtest.host import Host
from loadtest.perf_analyzer import measure as perf_analyzer
from loadtest.perf_analyzer.binary import PerfAnalyzerError, get
from loadtest.perf_analyzer.measure import write_inputs

pytestmark = pytest.mark.server


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
        pytest.skip(f"perf_analyzer cannot be fetched here: {error}")
    inputs = write_inputs(there, [EMBEDDER], tmp_path)[EMBEDDER]
    monkeypatch.setattr(perf_analyzer, "STEADY", steady)
    measured = perf_analyzer.measure(EMBEDDER, there, inputs, concurrency=1, window=0.5, folder=tmp_path)
    assert measured.throughput > 0
    assert np.isfinite([measured.p50_ms, measured.p95_ms]).all()
    assert "-m embedding" in (tmp_path / "commands.sh").read_text()
