"""Environment variables are named in ensemble/variables.py alone; documents and containers name no others."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ensemble import variables
from ensemble.client_contract import CLIENT_CONTRACT

ROOT = Path(__file__).resolve().parents[2]
HOME = "ensemble/variables.py"
HOMES = (HOME, CLIENT_CONTRACT)  # the second is generated from the first
NAME = re.compile(r"MINTMARK_[A-Z]+(?:_[A-Z]+)*")
NAMES = {value for value in vars(variables).values() if isinstance(value, str) and NAME.fullmatch(value)}
KNOWN = NAMES | {f"{secret}{variables.FILE}" for secret in variables.SECRETS}


def tracked(*patterns: str) -> list[str]:
    """Files of the project that exist, relative to its folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in listed if (ROOT / path).is_file()]


def literals(source: str) -> Iterator[str]:
    """Text in the code of a Python file: docstrings and comments are none."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_code_names_variables_in_one_place() -> None:
    product = [path for path in tracked("*.py") if not path.startswith("tests/") and path not in HOMES]
    assert len(product) > 100
    found = {
        f"{path}: {name}"
        for path in product
        for text in literals((ROOT / path).read_text())
        for name in NAME.findall(text)
    }
    assert not found, f"use ensemble.variables: {sorted(found)}"


def test_documents_compose_files_and_images_name_no_other() -> None:
    files = tracked("docs/*.md", "README.md", "loadtest/*.md", "python_client/*.md", "deploy/*", "Makefile")
    assert {"docs/deployment.md", "deploy/Dockerfile", "deploy/compose.gpu.yaml"} <= set(files)
    unknown = {f"{path}: {name}" for path in files for name in NAME.findall((ROOT / path).read_text())} - {
        f"{path}: {name}" for path in files for name in KNOWN
    }
    assert not unknown, f"not in ensemble/variables.py: {sorted(unknown)}"


def test_every_name_is_used() -> None:
    elsewhere = [path for path in tracked("*.py", "*.yaml", "Makefile") if path != HOME]
    texts = [(ROOT / path).read_text() for path in elsewhere]
    constants = {value: name for name, value in vars(variables).items() if isinstance(value, str)}
    unused = [
        name for name in NAMES if not any(name in text or f"variables.{constants[name]}" in text for text in texts)
    ]
    assert not unused
