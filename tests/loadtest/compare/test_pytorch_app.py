"""The tuned contender computes in bfloat16 where the CPU does so by itself."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
from loadtest.compare.contenders.pytorch_app import has_bfloat16


@pytest.mark.parametrize(
    ("flags", "has"),
    [("fma avx avx2", False), ("avx2 avx512f avx512_vnni", False), ("avx512f avx512_bf16", True), ("amx_bf16", True)],
)
def test_bfloat16_is_read_from_the_cpus_flags(tmp_path: Path, flags: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: avx512_bf16\nflags\t\t: fpu {flags}\nbugs\t\t: amx_bf16\n" * 2)
    assert has_bfloat16(tmp_path / "cpuinfo") is has


def test_a_cpu_without_flags_has_none(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\n")
    assert not has_bfloat16(tmp_path / "cpuinfo")
