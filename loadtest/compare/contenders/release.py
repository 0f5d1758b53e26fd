"""Another checkout of Mintmark, with its own environment: an earlier release, say."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ensemble import variables
from loadtest.compare.contenders.base import Answer
from loadtest.compare.contenders.triton import answer_of
from loadtest.compare.contenders.web_server import ContenderError
from loadtest.generator import Sample, closed_loop
from loadtest.host import connect
from loadtest.processes import ProcessTree

_READY = re.compile(r"ready: gRPC (\S+?),? ")


class Release:
    """The server of another checkout, on a copy of the catalog.

    Args:
        folder: of the checkout; its `make models` has run.
        catalog: folder to copy.

    Raises:
        ContenderError: the server does not start.
    """

    name = "release"

    def __init__(self, folder: Path, catalog: Path) -> None:
        self._copy = tempfile.TemporaryDirectory(prefix="mintmark-release-")
        copied = Path(self._copy.name) / "catalog"
        shutil.copytree(catalog, copied, ignore=shutil.ignore_patterns("*.log"))
        python = folder.resolve() / ".venv" / "serve" / "bin" / "python"
        command = [str(python), "-m", "server", "--free-ports", "--catalog", str(copied)]
        ours = ("PYTHONPATH", variables.TRITON)  # it has its own
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.tree = ProcessTree(self._process.pid)
        self._client = connect(self._address())

    def _address(self) -> str:
        for line in self._process.stdout or ():
            if found := _READY.search(line):
                return found[1]
        self.close()
        raise ContenderError(f"{self.name} ended at its start with status {self._process.returncode}")

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        return answer_of(self._client.recognize(photo))

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender."""
        return closed_loop(self._client.recognize, photos, concurrency, seconds)

    def close(self) -> None:
        """End the server."""
        if hasattr(self, "_client"):
            self._client.close()
        self._process.terminate()
        self._process.wait()
        self._copy.cleanup()
