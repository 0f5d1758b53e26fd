"""The documents do not go stale: what they name exists, and fields, errors and formats are all named."""

import re
import subprocess
from pathlib import Path

import pytest

from ensemble.contract import PHOTO_FORMATS
from ensemble.entry import FIELDS, VIEW_FIELDS
from ensemble.errors import ERRORS
from mintmark import __version__

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("catalog", "deploy", "ensemble", "examples", "loadtest", "server", "training", "web")
README = (ROOT / "README.md").read_text()
USE = (ROOT / "docs" / "use.md").read_text()
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "deploy/chart/*.md", "loadtest/*.md", "python_client/*.md", "weights/*.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)(?:#[\w-]+)?\)", (ROOT / document).read_text())
    folder = (ROOT / document).parent
    assert [target for target in targets if not (folder / target).exists()] == []


def test_every_folder_is_explained() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in tracked.splitlines() if "/" in line and not line.startswith(".")}
    explained = set(re.findall(r"^\| \[(\w+)/\]", README, flags=re.MULTILINE))
    assert folders - {"docs"} == explained


@pytest.mark.parametrize("document", ["Makefile", *DOCUMENTS])
def test_make_targets_exist(document: str) -> None:
    makefile, text = (ROOT / "Makefile").read_text(), (ROOT / document).read_text()
    used = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^(?:# )?make ([a-z-]+)", text, re.MULTILINE))
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in used)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_and_scripts_named_in_commands_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    for module in re.findall(
        r"python -m ((?:catalog|deploy|ensemble|examples|loadtest|server|training|web)[a-z_.]*)", text
    ):
        path = ROOT / Path(*module.rstrip(".").split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for script in re.findall(r"python (build/\w+\.py)", text):
        assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_files_named_in_the_text_exist(document: str) -> None:
    """A name in backquotes that begins with a folder of the repository."""
    folders = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")))
    named = re.findall(rf"`((?:{folders})/[\w./*-]+)`", (ROOT / document).read_text())
    generated = re.compile(r"^data/|model\.(onnx|plan)|^build/\w+/|^training/runs|^deploy/secrets")
    assert [name for name in named if not generated.search(name) and not list(ROOT.glob(name.rstrip("/")))] == []


def test_the_fields_of_an_entry_are_listed() -> None:
    """In the order of tables, with what they are and what they say."""
    table = re.findall(r"^\| `(\w+)` \| (entry|view) \| (yes|no) \| (yes|no) \| (.+) \|$", catalog(), re.MULTILINE)
    said = {True: "yes", False: "no"}
    assert table == [
        (name, "view" if one in VIEW_FIELDS else "entry", said[one.required], said[one.filter], one.doc)
        for name, one in FIELDS.items()
    ]


def catalog() -> str:
    return (ROOT / "docs" / "catalog.md").read_text()


def test_the_codes_of_errors_are_listed() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|", USE, re.MULTILINE)
    grpc = {"INVALID_ARG": "INVALID_ARGUMENT"}
    assert table == [(error.code, grpc.get(error.status.value, error.status.value)) for error in ERRORS]


def test_the_formats_of_photos_are_listed() -> None:
    assert f"one of {', '.join(PHOTO_FORMATS)}" in USE


def test_the_changelog_has_the_release() -> None:
    version, _, development = __version__.partition(".dev")
    assert (f"## [{version}] - " in (ROOT / "CHANGELOG.md").read_text()) is not bool(development)
