"""The README does not go stale: its commands, files and folders exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_folder_is_explained() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in tracked.splitlines() if "/" in line and not line.startswith(".")}
    explained = set(re.findall(r"^\| \[(\w+)/\]", README, flags=re.MULTILINE))
    assert folders - {"docs"} == explained


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_make_targets_exist(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    used = set(re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text()))
    used |= set(re.findall(r"^(?:# )?make ([a-z-]+)", (ROOT / document).read_text(), flags=re.MULTILINE))
    assert used and all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in used)


def test_modules_named_in_commands_exist() -> None:
    modules = re.findall(r"python -m ([a-z_.]+)", README)
    assert modules
    for module in modules:
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
