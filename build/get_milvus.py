"""Fetches a Milvus server, for the tests, from a PyPI wheel into this environment's folder `milvus`.

    python build/get_milvus.py [FOLDER]

The wheel is unpacked, not installed: its package, which starts the server on fixed ports, is not needed. In it lie the
server, its libraries and the template of its settings, for Linux on x86-64. Later versions have no such wheel.
"""

import lzma
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "milvus==2.3.5"
_DATA = "milvus/data/"
_PACKED = ".lzma"


def extract(wheel: Path, folder: Path) -> None:
    """Write what lies in the wheel to a folder that is not there yet: `bin` and the template of the settings."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "bin").mkdir(parents=True)
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            if not name.startswith(_DATA):
                continue
            target, data = part / name.removeprefix(_DATA), files.read(name)
            if name.endswith(_PACKED):
                target, data = target.with_suffix(""), lzma.decompress(data)
            target.write_bytes(data)
            target.chmod(0o755 if target.parent.name == "bin" else 0o644)
    part.rename(folder)


def main() -> int:
    """Unpack the server unless it is there already; pip's exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sys.prefix) / "milvus"
    if folder.is_dir():
        return 0
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        print("no Milvus server for this machine: the tests that need one are skipped")
        return 0
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", downloads, WHEEL]
        if status := subprocess.run(command, check=False).returncode:
            return status
        extract(next(Path(downloads).glob("*.whl")), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
