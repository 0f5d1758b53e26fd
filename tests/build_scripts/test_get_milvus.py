"""The script takes a Milvus server out of the wheel that it fetches."""

import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def test_the_server_is_unpacked_and_may_run(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    wheel = tmp_path / "milvus.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("milvus/__init__.py", "")
        files.writestr("milvus/data/bin/milvus.lzma", lzma.compress(b"#!/bin/sh\n"))
        files.writestr("milvus/data/config.yaml.template", "port: {{ proxy_port(int): 19530 }}\n")
    script("get_milvus").extract(wheel, tmp_path / "milvus")
    program = tmp_path / "milvus" / "bin" / "milvus"
    assert program.read_text() == "#!/bin/sh\n" and program.stat().st_mode & 0o111
    assert (tmp_path / "milvus" / "config.yaml.template").read_text().startswith("port:")
    assert not (tmp_path / "milvus" / "__init__.py").exists()


def test_a_damaged_wheel_leaves_no_server_behind(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    wheel = tmp_path / "milvus.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("milvus/data/bin/milvus.lzma", b"no LZMA")
    with pytest.raises(lzma.LZMAError):
        script("get_milvus").extract(wheel, tmp_path / "milvus")
    assert not (tmp_path / "milvus").exists()
