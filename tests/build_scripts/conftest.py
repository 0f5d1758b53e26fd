"""Loads the scripts of `build/` by path: a package of that name would be a trap."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build"


def load_script(name: str) -> ModuleType:
    """A script of `build/` as a module, by its name without the suffix."""
    if str(BUILD) not in sys.path:
        sys.path.append(str(BUILD))  # scripts import each other as neighbours
    spec = importlib.util.spec_from_file_location(name, BUILD / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """Loader of scripts by name."""
    return load_script


@pytest.fixture(scope="session")
def export_onnx(script: Callable[[str], ModuleType]) -> ModuleType:
    """The script that exports the graphs."""
    return script("export_onnx")
