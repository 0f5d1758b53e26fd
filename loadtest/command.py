"""What all commands of the load tests do alike: parse options, report an error, write a JSON file."""

import argparse
import json
import sys
from pathlib import Path


def parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m COMMAND`; its help shows the module's docstring as it is written."""
    return argparse.ArgumentParser(
        prog=f"python -m {command}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def failed(error: Exception | str) -> int:
    """Print an error to stderr and return the exit status 1."""
    print(f"error: {error}", file=sys.stderr)
    return 1


def write_json(path: Path, record: object) -> None:
    """Write figures as indented JSON; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
