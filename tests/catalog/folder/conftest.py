"""A small disk, for the tests of a folder."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = Path(tempfile.mkdtemp(prefix="mintmark-small-"))
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "mintmark-test", folder],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not mounted:
        folder.rmdir()
        pytest.skip("this process may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()
