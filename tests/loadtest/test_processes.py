"""CPU time and memory of a tree of processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory

import pytest

from loadtest.processes import PeakMemory, ProcessTree

MIB = 2**20
CHILD = """
import sys
held = bytearray(b"x") * (64 << 20)
print("ready", flush=True)
sys.stdin.read()
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE)
sys.stdin.read()
child.stdin.close()
child.wait()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen]:
    """A process whose child holds 64 MiB."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.communicate()


def test_children_count(parent: subprocess.Popen) -> None:
    tree = ProcessTree(parent.pid)
    assert 64 * MIB < tree.memory() < 300 * MIB
    assert tree.cpu_seconds() > 0
    with PeakMemory(tree, interval=0.01) as peak:
        pass
    assert peak.bytes > 64 * MIB


def test_what_has_ended_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        tree = ProcessTree(process.pid)
    assert (tree.cpu_seconds(), tree.memory(), tree.shared_memory()) == (0, 0, 0)


def test_shared_memory_is_that_of_the_family() -> None:
    """A region of the family of a mapped region counts too, though nobody has it mapped any more."""
    name = f"mintmark-test-{os.getpid()}"
    sizes = {f"{name}_1": 2 * MIB, f"{name}_2": MIB, f"elsewhere-{os.getpid()}_x": 4 * MIB}
    tree = ProcessTree(os.getpid())
    before = tree.shared_memory()  # a server that other tests have started is a child of this process
    regions = [SharedMemory(region, create=True, size=size) for region, size in sizes.items()]
    try:
        for region in regions:
            assert region.buf is not None
            region.buf[:] = b"x" * region.size
        for region in regions[1:]:
            region.close()
        assert tree.shared_memory() - before == 3 * MIB
    finally:
        regions[0].close()
        for region in regions:
            region.unlink()
