"""Writes the files that follow from contract, graph and placement: Triton's config.pbtxt and the client's contract.

python -m ensemble.render           write them
python -m ensemble.render --check   fail if a committed file differs, and name it
"""

import argparse
import inspect
import sys
from pathlib import Path

from ensemble.client_contract import CLIENT_CONTRACT, client_contract, client_copies
from ensemble.configs import config_path, config_text
from ensemble.contract import MODELS
from ensemble.graph import Target
from ensemble.places import REPOSITORY, ROOT


def generated() -> dict[str, str]:
    """The text of every generated file, by its path relative to the project's folder."""
    files = {
        f"{REPOSITORY}/{config_path(model, target)}": config_text(model, target)
        for model in MODELS
        for target in Target
    }
    return {**files, CLIENT_CONTRACT: client_contract(), **client_copies()}


def stale_files(root: Path = ROOT) -> list[str]:
    """Generated files under `root` that are missing, differ from `generated()`, or should not be there."""
    expected = generated()
    present = {str(path.relative_to(root)) for path in (root / REPOSITORY).rglob("*.pbtxt")}
    stale = [p for p, text in expected.items() if not (root / p).is_file() or (root / p).read_text() != text]
    return stale + sorted(present - set(expected))


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 if --check finds stale files."""
    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[__name__]))
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is stale")
    if parser.parse_args(argv).check:
        stale = stale_files()
        for path in stale:
            print(f"stale: {path} (run: python -m ensemble.render)", file=sys.stderr)
        return 1 if stale else 0
    for path, text in generated().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
