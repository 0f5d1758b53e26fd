"""The command `python -m loadtest.traces`: see `loadtest.breakdown.traces`."""

import sys

from loadtest.breakdown.traces import main

if __name__ == "__main__":
    sys.exit(main())
