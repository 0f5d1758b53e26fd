"""Both compute backends are sessions: the same requests get the same answers from either."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from backends.openvino.session import OpenVinoSession
from backends.session import Session
from backends.tensorrt_rtx.session import EngineSession
from ensemble import artifacts
from ensemble.contract import EMBEDDER, EMBEDDING
from tests.backends.host import HostDevice, RuntimeContext

pytestmark = pytest.mark.slow


@pytest.fixture
def sessions(tmp_path: Path) -> dict[str, Session]:
    """The model `embedding` in each backend; ONNX Runtime stands in for TensorRT-RTX."""
    onnx.save(artifacts.plain_graph(EMBEDDER), tmp_path / "model.onnx")
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (EMBEDDER.inputs, EMBEDDER.outputs))
    device = HostDevice()
    return {
        "openvino": OpenVinoSession(tmp_path / "model.onnx", inputs, outputs, threads=[1]),
        "tensorrt_rtx": EngineSession(EMBEDDER, RuntimeContext(EMBEDDER, device), device),
    }


def test_the_same_requests_get_the_same_answers(sessions: dict[str, Session]) -> None:
    rng = np.random.default_rng(0)
    tensor = EMBEDDER.inputs[0]
    feeds = [{tensor.name: rng.normal(size=(batch, *tensor.dims)).astype(np.float32)} for batch in (2, 1)]
    answers = {name: session.run(feeds) for name, session in sessions.items()}
    for one, other in zip(*answers.values(), strict=True):
        assert set(one) == set(other) == {EMBEDDING.name}
        np.testing.assert_allclose(one[EMBEDDING.name], other[EMBEDDING.name], atol=1e-4)
    assert [len(answer[EMBEDDING.name]) for answer in answers["openvino"]] == [2, 1]
