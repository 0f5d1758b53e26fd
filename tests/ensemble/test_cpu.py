"""How a server on CPUs divides cores and memory."""

import pytest

from ensemble.cpu import MOST_THREADS, Cpu

GIB = 1 << 30
AMPLE = 1 << 50


@pytest.mark.parametrize(("cores", "slots"), [(1, 1), (2, 2), (3, 3), (4, 4), (8, 4), (64, 4)])
def test_one_slot_for_each_core_up_to_four(cores: int, slots: int) -> None:
    assert Cpu.within(cores, AMPLE) == Cpu(cores, slots)


def test_little_memory_makes_fewer_slots() -> None:
    slots = [Cpu.within(8, memory).slots for memory in (1 << 20, 2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB)]
    assert slots == sorted(slots) and slots[0] == 1 < slots[2] < slots[3] == 4, "a laptop of 8 GB uses all its cores"
    for memory in (4 * GIB, 8 * GIB, 16 * GIB):
        assert Cpu.within(8, memory).memory <= memory / 2


@pytest.mark.parametrize(
    ("cpu", "threads"),
    [
        (Cpu(1, 1), (1,)),
        (Cpu(2, 2), (2, 1)),
        (Cpu(3, 3), (3, 1)),
        (Cpu(4, 2), (4, 2)),
        (Cpu(4, 4), (4, 2, 1)),
        (Cpu(7, 2), (7, 3)),
        (Cpu(8, 1), (8,)),
        (Cpu(64, 4), (MOST_THREADS,)),
    ],
)
def test_threads_are_halved_down_to_cores_per_slot(cpu: Cpu, threads: tuple[int, ...]) -> None:
    assert cpu.threads == threads


def test_a_config_says_it() -> None:
    assert Cpu.of(Cpu(6, 3).parameters) == Cpu(6, 3)
