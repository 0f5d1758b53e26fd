"""Fakes for the builder and for Triton, the entrypoint in its own process, and certificates."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ensemble import variables
from server.launch import Ports
from tests.certificates import make_certificates

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-the-catalog"
READ_TOKEN = "the-token-of-its-readers"
ADMIN_KEY = "only-the-operator-has-it"

# The entrypoint starts this program, which prints what it was started with.
TRITON = """#!{python}
import json, os, sys
told = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "pid": os.getpid(), "environment": dict(os.environ)}}
print(json.dumps(told))
sys.exit(3)
"""


@dataclass(frozen=True)
class Container:
    """What the entrypoint sees: folders, fakes and variables."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a container with correct settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MINTMARK_")}
        return {
            **inherited,
            variables.TARGET: "gpu",
            variables.MODELS: str(self.folder / "models"),
            variables.REPOSITORY: str(self.folder / "repository"),
            variables.CATALOG: str(self.folder / "catalog"),
            variables.CACHE: str(self.folder / "cache"),
            variables.TRITONSERVER: str(self.folder / "tritonserver"),
            variables.TOKEN: TOKEN,
            variables.ADMIN_KEY: ADMIN_KEY,
            variables.SOCKETS: str(self.folder / "s"),
        }

    def builder(self, source: str) -> str:
        """A builder that runs this Python source; the value of MINTMARK_BUILDER."""
        script = self.folder / "builder.py"
        script.write_text(source)
        return f"{sys.executable} {script}"

    def start(self, **overrides: str | None) -> "subprocess.Popen[str]":
        """Run the entrypoint; `overrides` are variables on top of `environment`, None unsets one."""
        merged = {**self.environment, **overrides}
        ports = Ports.free()
        numbers = (f"--grpc-port={ports.grpc}", f"--metrics-port={ports.metrics}")
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.entrypoint", *numbers],
            cwd=ROOT,
            env={name: value for name, value in merged.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **overrides: str | None) -> "subprocess.CompletedProcess[str]":
        """Run the entrypoint to its end."""
        process = self.start(**overrides)
        output, log = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, output, log)


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """A container with one model, a fake Triton that prints its arguments, and no builder yet."""
    version = tmp_path / "models" / "segmentation" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text('name: "segmentation"\n')
    triton = tmp_path / "tritonserver"
    triton.write_text(TRITON.format(python=sys.executable))
    triton.chmod(0o755)
    return Container(tmp_path)


def told(output: str) -> dict[str, Any]:
    """What the fake Triton was started with."""
    return dict(json.loads(output.splitlines()[-1]))


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates."""
    return make_certificates(tmp_path_factory.mktemp("pem"))
