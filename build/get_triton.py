"""Fetches the `tritonserver` binary, from the PyPI wheel nvidia-pytriton, into this environment's folder `triton`.

    python build/get_triton.py [FOLDER]

The wheel is unpacked, not installed: its Python package and its dependencies are not needed.
"""

import subprocess
import sys
from pathlib import Path

WHEEL = "nvidia-pytriton==0.7.0"  # Triton 2.51


def main() -> int:
    """Unpack the wheel unless it is there already; pip's exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sys.prefix) / "triton"
    if (folder / "pytriton" / "tritonserver" / "bin" / "tritonserver").is_file():
        return 0
    options = ["--no-deps", "--no-compile", "--upgrade", "--target", str(folder)]
    command = [sys.executable, "-m", "pip", "install", *options, WHEEL]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
