"""Makes stand-ins for the base images of deploy/, from Debian and PyPI, where no registry of containers is in reach.

    python build/stand_in_base.py slim
    python build/stand_in_base.py triton

They get the names of the real ones, which a build with --pull=never then takes. `slim` is Debian with Python; `triton`
has besides that Triton as NVIDIA's image has it, from the wheel that `make serve` uses: binary, libraries, the Python
backend. It lacks CUDA, TensorRT and every other backend. Needs root, debootstrap and podman.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import _project  # noqa: F401  before the project's packages

from ensemble.places import ROOT
from server.wheel import Wheel

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "libpython3.11", "python3", "python3-pip", "python3-venv")
PYTHON = "3.11"  # of the suite
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"  # of this machine, which may reach the network through a proxy
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NVIDIA_ENTRYPOINT = '#!/bin/sh\nexec "$@"\n'
_DEFAULT = re.compile(r"^ARG (\w+)=(\S+)$", flags=re.MULTILINE)
_FROM = re.compile(r"^FROM (\S+)", flags=re.MULTILINE)


def base_of(dockerfile: Path) -> str:
    """The image that a Dockerfile begins with, its arguments at their defaults."""
    text = dockerfile.read_text()
    defaults = dict(_DEFAULT.findall(text.partition("\nFROM ")[0]))
    found = _FROM.search(text)
    assert found is not None, dockerfile
    return re.sub(r"\$\{(\w+)\}", lambda argument: defaults[argument[1]], found[1])


def make_debian(root: Path) -> None:
    """Fill `root` with Debian and Python."""
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
    subprocess.run(command, check=True)
    shutil.copyfile(Path("/") / AUTHORITIES, root / AUTHORITIES)
    shutil.rmtree(root / "var" / "cache" / "apt", ignore_errors=True)
    shutil.rmtree(root / "var" / "lib" / "apt" / "lists", ignore_errors=True)


def add_triton(root: Path, wheel: Wheel) -> None:
    """Lay Triton out as NVIDIA's image does."""
    home = root / "opt" / "tritonserver"
    shutil.copytree(wheel.server / "bin", home / "bin")
    shutil.copytree(wheel.server / "backends", home / "backends")
    stub = Path(str(wheel.stub).replace(f"/{sys.version_info.major}.{sys.version_info.minor}/", f"/{PYTHON}/"))
    shutil.copy2(stub, home / "backends" / "python" / stub.name)
    shutil.copytree(wheel.libraries, home / "lib")
    (root / "etc" / "ld.so.conf.d" / "tritonserver.conf").write_text("/opt/tritonserver/lib\n")
    subprocess.run(["ldconfig", "-r", str(root)], check=True)
    entrypoint = root / "opt" / "nvidia" / "nvidia_entrypoint.sh"
    entrypoint.parent.mkdir()
    entrypoint.write_text(NVIDIA_ENTRYPOINT)
    entrypoint.chmod(0o755)


def fetch_triton(folder: Path) -> Wheel:
    """The unpacked wheel, in a folder."""
    subprocess.run([sys.executable, str(ROOT / "build" / "get_triton.py"), str(folder)], check=True)
    return Wheel(folder)


def import_image(root: Path, name: str, path: str) -> None:
    """Make an image of all that is in `root`, with `path` as its PATH."""
    archive = ["tar", "--directory", str(root), "--create", "--one-file-system", "."]
    with subprocess.Popen(archive, stdout=subprocess.PIPE) as packing:
        command = ["podman", "import", "--quiet", "--change", f"ENV PATH={path}", "-", name]
        subprocess.run(command, stdin=packing.stdout, check=True)
    if packing.returncode:
        raise subprocess.CalledProcessError(packing.returncode, archive)


def main() -> int:
    """Command line; 1 where a program is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=("slim", "triton"))
    kind = parser.parse_args().kind
    if missing := [name for name in ("debootstrap", "podman") if shutil.which(name) is None]:
        print(f"error: {', '.join(missing)} missing: apt-get install debootstrap podman runc", file=sys.stderr)
        return 1
    if os.getuid() != 0:
        print("error: debootstrap needs root", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        make_debian(root)
        if kind == "triton":
            add_triton(root, fetch_triton(Path(folder) / "wheel"))
            name, path = base_of(ROOT / "deploy" / "Dockerfile"), f"/opt/tritonserver/bin:{SYSTEM_PATH}"
        else:
            name, path = base_of(ROOT / "deploy" / "Dockerfile.slim"), SYSTEM_PATH
        import_image(root, name, path)
    print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
