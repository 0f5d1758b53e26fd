"""The README of the load tests names every command, room, file and contender, and no others."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "loadtest"
TEXT = (FOLDER / "README.md").read_text()


def test_commands_exist() -> None:
    modules = set(re.findall(r"python -m (loadtest[\w.]*)", TEXT))
    assert len(modules) > 6
    for module in modules:
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_every_file_is_explained() -> None:
    """Files and rooms; those of the contenders are in the table of the contenders' own section."""
    table = TEXT[TEXT.index("## Files") :]
    files = {path.relative_to(FOLDER) for path in FOLDER.rglob("*.py")}
    rooms = {f"{file.parent}/" for file in files if file.parent != Path()}
    there = {file.name for file in files if file.parent.name != "contenders"} - {"__init__.py"}
    assert set(re.findall(r"`(\w+\.py)`", table)) == there
    assert set(re.findall(r"`([\w/]+/)`", table)) == rooms


def test_every_contender_is_explained() -> None:
    from ensemble.graph import Target
    from loadtest.compare.rounds import contenders
    from loadtest.host import Host

    makers = contenders(Host("localhost:1", "localhost:2", [], [], None, Path()), cores=2, target=Target.CPU)
    assert [name for name in makers if f"`{name}`" not in TEXT] == []
