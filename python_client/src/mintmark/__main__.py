"""`python -m mintmark`: the same as the command `mintmark`."""

import sys

from mintmark._cli import main

if __name__ == "__main__":
    sys.exit(main())
