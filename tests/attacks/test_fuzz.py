"""Thirteen thousand mutated photos, requests and archives: each is taken or refused, within the limits of a process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"photos": 9_000, "requests": 2_500, "archives": 1_500}
SEED = 17


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_mutants_are_taken_or_refused(kind: str, tmp_path: Path) -> None:
    """The system ends a process that takes more memory or more CPU time than it may; see tests/attacks/fuzz.py."""
    kept = tmp_path / "input"
    command = [sys.executable, "-m", "tests.attacks.fuzz", kind, str(COUNTS[kind]), str(SEED), str(kept)]
    path = ":".join((str(ROOT), str(ROOT / "python_client" / "src")))
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path}, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{kept.read_bytes()[:2000]!r}: {done.stderr.decode(errors='replace')[-3000:]}"
    taken, refused = map(int, done.stdout.split())
    assert taken and refused and taken + refused == COUNTS[kind]  # the damage is neither always fatal nor never
