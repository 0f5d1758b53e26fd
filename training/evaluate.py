"""Measure the weights in weights/ through the real server, started for it on loopback with an empty catalog.

python -m training.evaluate MANIFEST.csv [options of `mintmark evaluate`]
"""

import sys
import tempfile
from pathlib import Path

from mintmark._cli import main as mintmark
from server.embedded import EmbeddedServer


def main(argv: list[str] | None = None) -> int:
    """Command line; the status of `mintmark evaluate`."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        return mintmark(["--url", server.url, "evaluate", *arguments])


if __name__ == "__main__":
    sys.exit(main())
