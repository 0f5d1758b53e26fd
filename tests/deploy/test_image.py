"""The checks at the end of an image's build."""

import importlib.util
import subprocess
import sys

import pytest

from deploy.check_image import check_bindings, library_version, main
from server.wheel import ServerError
from tests.deploy.conftest import ROOT, Container


def test_library_version() -> None:
    assert library_version(110201) == "11.2.1"
    assert library_version(101600) == "10.16.0"


def test_bindings_fit_the_library() -> None:
    check_bindings("11.2.1.2", "11.2.1")
    for other in ("11.2.0", "11.3.1", "10.2.1"):
        with pytest.raises(ServerError, match=rf"bindings are 11\.2\.1\.2, the image's library is {other}"):
            check_bindings("11.2.1.2", other)


def test_usage() -> None:
    assert main([]) == 2
    assert main(["tpu"]) == 2


def test_image_without_triton(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["cpu"]) == 1
    assert "this image cannot serve: no tritonserver on PATH" in capsys.readouterr().err


def test_missing_package_ends_the_build(
    container: Container, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment of these tests has everything for the CPU, and no TensorRT."""
    monkeypatch.setenv("PATH", str(container.folder))
    assert main(["cpu"]) == 0
    if importlib.util.find_spec("tensorrt") is None:
        assert main(["gpu"]) == 1
        assert "this image cannot serve: No module named 'tensorrt'" in capsys.readouterr().err


def test_numpy_2_ends_the_build() -> None:
    script = "import numpy; numpy.__version__ = '2.4.1'; from deploy.check_image import main; exit(main(['cpu']))"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "numpy 2.4.1 is installed, but Triton's Python backend answers EMPTY outputs" in result.stderr
