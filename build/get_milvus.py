"""Fetches a Milvus server, for the tests, from a PyPI wheel into this environment's folder `milvus`.

    python build/get_milvus.py [FOLDER]

The wheel is unpacked, not installed: its package, which starts the server on fixed ports, is not needed. In it lie the
server, its libraries and the template of its settings, for Linux on x86-64. Later versions have no such wheel.
"""

import lzma
import platform
import shutil
import sys
import zipfile
from pathlib import Path

from wheels import downloaded

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


def main() -> None:
    """Unpack the server unless it is there already."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sys.prefix) / "milvus"
    if folder.is_dir():
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        print("no Milvus server for this machine: the tests that need one are skipped")
        return
    with downloaded(WHEEL) as wheel:
        extract(wheel, folder)


if __name__ == "__main__":
    main()
