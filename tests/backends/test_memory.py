"""How much memory a server may use."""

from pathlib import Path

from backends.memory import usable


def test_a_container_s_limit_counts_where_it_is_less_than_the_machine_has(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = usable(limit)
    assert machine > 1 << 28
    for text, expected in (("max", machine), ("268435456", 1 << 28), (str(1 << 60), machine)):
        limit.write_text(text + "\n")
        assert usable(limit) == expected
