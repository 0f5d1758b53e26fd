"""A real server with a few enrolled coins, started once for the tests of this folder."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import host as hosts
from loadtest.host import Host

ROOT = Path(__file__).resolve().parents[2]
COINS, SIZE = 9, 480


@pytest.fixture(scope="package")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[argparse.Namespace]:
    """The commands' options: a few small coins."""
    parser = argparse.ArgumentParser()
    hosts.add_arguments(parser)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))  # rendered coins are kept below the working directory
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "python_client" / "src"))))
        yield parser.parse_args(["--coins", str(COINS), "--photo-size", str(SIZE)])


@pytest.fixture(scope="package")
def there(options: argparse.Namespace) -> Iterator[Host]:
    """The server."""
    with hosts.host(options) as running:
        yield running
