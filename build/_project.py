"""Puts the project on the path of a script that is run by its path: Python puts only the script's folder there.

A script imports it before the project's packages. An editable install or a .pth file would tie an environment to one
checkout, and PYTHONPATH would have to be set by hand.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
