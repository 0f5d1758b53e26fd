"""The checks at the end of an image's build."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.check_image import STUB, check_bindings, check_stub, library_version, main
from ensemble import variables
from server.wheel import ServerError, find_wheel, python_library
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


def make_stub(path: Path, says: str) -> None:
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)


def test_the_program_of_python_models_must_run(tmp_path: Path) -> None:
    """Where it does not, Triton says that it failed to give execute permission."""
    lacks = "libpython3.12.so.1.0: cannot open shared object file: No such file or directory"
    make_stub(tmp_path / "a" / "stub", f"echo {lacks} >&2; exit 127")
    with pytest.raises(ServerError, match=rf"stub does not run: {lacks}"):
        check_stub(tmp_path / "a" / "stub")
    make_stub(tmp_path / "b" / "stub", "exit 1")
    check_stub(tmp_path / "b" / "stub")


def test_the_wheels_program_runs() -> None:
    wheel, of_python = find_wheel(), python_library()
    check_stub(wheel.stub, wheel.libraries, *([of_python] if of_python else []))


def test_missing_package_ends_the_build(
    container: Container, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment of these tests has everything for the CPU, and no TensorRT."""
    monkeypatch.setenv("PATH", str(container.folder))
    monkeypatch.setenv(variables.BACKENDS, str(container.folder))
    make_stub(container.folder / STUB, "exit 1")
    assert main(["cpu"]) == 0
    if importlib.util.find_spec("tensorrt") is None:
        assert main(["gpu"]) == 1
        assert "this image cannot serve: No module named 'tensorrt'" in capsys.readouterr().err


def test_numpy_2_ends_the_build() -> None:
    script = "import numpy; numpy.__version__ = '2.4.1'; from deploy.check_image import main; exit(main(['cpu']))"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "numpy 2.4.1 is installed, but Triton's Python backend answers EMPTY outputs" in result.stderr
