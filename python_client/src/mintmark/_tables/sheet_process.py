"""Reads a spreadsheet from stdin, writes its cells to stdout as JSON: `python -m mintmark._tables.sheet_process`."""

import json
import sys

from mintmark._errors import InvalidRequest
from mintmark._tables.bounded import bound
from mintmark._tables.sheet import sheet_of


def main() -> int:
    """Read and write, within bounds; returns the exit status: 1 where there are no cells."""
    bound()
    try:
        sheets, cells = sheet_of(sys.stdin.buffer.read())
        status, answer = 0, json.dumps({"sheets": sheets, "cells": cells})
    except InvalidRequest as error:
        status, answer = 1, json.dumps({"problem": str(error)})
    except MemoryError:
        return 1
    sys.stdout.write(answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
