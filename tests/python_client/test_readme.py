"""The README names every command, option, field, method, error and file."""

import inspect
import re
from pathlib import Path

import pytest

from mintmark import Client, MintmarkError
from mintmark._cli.options import option
from mintmark._contract import FIELD_DOCS, FILTERS, OPTIONAL
from tests.python_client.samples import Capture, Run

HOME = Path(__file__).resolve().parents[2] / "python_client"
README = HOME / "README.md"
COMMANDS = (
    "recognize", "enroll", "list", "show", "update", "photo", "remove", "status", "history", "undo", "similar",
    "duplicates", "export", "import", "reembed", "calibrate", "evaluate", "completion",
)  # fmt: skip


def test_readme_names_every_command(run: Run, capsys: Capture) -> None:
    """It also names every option of each command."""
    text = README.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"mintmark {command}" in text
        with pytest.raises(SystemExit) as exit_info:
            run(command, "--help")
        assert exit_info.value.code == 0
        options = {word.strip("[],:") for word in capsys.readouterr().out.split() if word.strip("[").startswith("--")}
        assert [option for option in sorted(options - {"--help"}) if option not in text] == []
    with pytest.raises(SystemExit):
        run("--help")
    assert re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE) == list(COMMANDS)


def test_readme_names_every_method_error_and_file() -> None:
    text = README.read_text(encoding="utf-8")
    methods = [name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_" and name != "close"]
    assert [name for name in methods if f"`{name}(" not in text] == []
    own = [error for error in MintmarkError.__subclasses__() if error.__module__.startswith("mintmark.")]
    errors = [error.__name__ for error in own]
    assert [name for name in errors if f"`{name}`" not in text] == []
    files = text[text.index("## Files") :]
    package = HOME / "src" / "mintmark"
    rooms = {path.relative_to(package).parts[0] for path in package.rglob("*.py")} - {"__init__.py", "__main__.py"}
    assert [name for name in sorted(rooms) if f"`{name}" not in files] == []


def test_readme_lists_the_fields_of_an_entry() -> None:
    """In one table, in the order of the contract."""
    table = re.findall(
        r"^\| `(\w+)` \| `(--[\w-]+)` \| (yes|no) \| (yes|no) \| (.+) \|$", README.read_text(), re.MULTILINE
    )
    said = {True: "yes", False: "no"}
    assert table == [
        (name, option(name), said[name not in OPTIONAL], said[name in FILTERS], doc) for name, doc in FIELD_DOCS.items()
    ]
