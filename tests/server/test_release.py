"""The client's release: built, installed alone with the lowest and the newest of what it needs, used from outside."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mintmark import __version__
from tests.server.conftest import ROOT, TOKEN, Coin, Running, jpeg

pytestmark = [pytest.mark.server, pytest.mark.slow]

LOWEST = (
    "numpy==1.26.0",
    "opencv-python-headless==4.8.0.76",
    "tritonclient[grpc]==2.40.0",
)  # python_client/pyproject.toml
MYPY = "mypy==2.4.1"
USER = """
from mintmark import Client, EntryFields, Recognition

def ask(url: str, photo: bytes) -> Recognition:
    with Client(url, token="{token}") as client:
        return client.recognize(photo, k=2)

def enroll(url: str, photo: bytes, fields: EntryFields) -> str:
    with Client(url, token="{token}") as client:
        return client.enroll(photo, fields).id

def remove(url: str, entry: str) -> None:
    with Client(url, token="{token}") as client:
        client.remove(entry)
"""
USE = """
import sys
from pathlib import Path
from user import ask, enroll, remove
from mintmark import EntryFields

url, catalog, query = sys.argv[1:]
fields = EntryFields(name="coin", country="X", currency="y", denomination="1", side="obverse")
entry = enroll(url, Path(catalog).read_bytes(), fields)
answer = ask(url, Path(query).read_bytes())
remove(url, entry)
assert answer.known and answer.matches[0].entry.id == entry, answer
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Today's wheel, made of its source archive."""
    folder = tmp_path_factory.mktemp("dist")
    # From elsewhere: the folder build/ of this repository is no package, but a name is enough to confuse people.
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT / "python_client")]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def installed(folder: Path, *what: str) -> Path:
    """The Python of a new environment that has these alone."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *what], check=True, env=outside())
    return python


def outside() -> dict[str, str]:
    """The environment of somebody who has no checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_wheel_has_what_belongs_in_it_alone(wheel: Path) -> None:
    assert wheel.name == f"mintmark-{__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        str(path.relative_to(ROOT / "python_client" / "src"))
        for path in (ROOT / "python_client" / "src" / "mintmark").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert "mintmark/py.typed" in names


@pytest.mark.parametrize("needs", [(), LOWEST], ids=["newest", "lowest"])
def test_it_works_alone(
    wheel: Path, needs: tuple[str, ...], server: Running, coins: list[Coin], tmp_path: Path
) -> None:
    python = installed(tmp_path / "alone", str(wheel), *needs)
    (tmp_path / "user.py").write_text(USER.format(token=TOKEN))
    (tmp_path / "use.py").write_text(USE)
    photos = []
    for name, picture in (("catalog", coins[3].catalog), ("query", coins[3].query)):
        photos.append(tmp_path / f"{name}.jpg")
        photos[-1].write_bytes(jpeg(picture))
    use = [str(python), "use.py", server.url, *map(str, photos)]
    done = subprocess.run(use, cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = [str(python.parent / "mintmark"), "--version"]
    said = subprocess.run(command, env=outside(), capture_output=True, text=True, check=True).stdout
    assert said.split() == ["mintmark", __version__]


def test_its_types_are_seen_from_outside(wheel: Path, tmp_path: Path) -> None:
    python = installed(tmp_path / "typed", str(wheel), MYPY)
    good = USER.format(token=TOKEN)
    for text, right in ((good, True), (good.replace("-> Recognition", "-> int"), False)):
        (tmp_path / "user.py").write_text(text)
        check = [str(python), "-m", "mypy", "--strict", "user.py"]
        done = subprocess.run(check, cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is right, done.stdout
