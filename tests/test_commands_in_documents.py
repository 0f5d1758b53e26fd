"""What the documents tell people to type is taken by the commands, programs use what there is, the site is built."""

import argparse
import ast
import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import catalog.__main__ as catalog
import mintmark
import server.__main__ as server
import web.__main__ as web
from mintmark._cli import make_parser
from tests.test_documents import DOCUMENTS, ROOT

_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_VARIABLES = re.compile(r"^(?:[A-Z_]+=(?:\$\([^)]*\)|\S)+ +)+")
ASKED = [name for name in DOCUMENTS if name not in ("CHANGELOG.md",)]


def named_blocks(document: str) -> Iterator[tuple[str, str]]:
    """The code blocks of a document, each with its language; '' if it names none."""
    for indent, language, text in _BLOCK.findall((ROOT / document).read_text()):
        yield language, "\n".join(line.removeprefix(indent) for line in text.splitlines())


def blocks(document: str, language: str) -> Iterator[str]:
    """The code blocks of a document in a language."""
    return (text for named, text in named_blocks(document) if named == language)


def command_lines(block: str) -> Iterator[str]:
    """The lines of a shell block, those that go on joined, without comments."""
    for line in block.replace("\\\n", " ").splitlines():
        if command := re.sub(r"(^|\s+)#\s.*", "", line):
            yield command


def without_variables(line: str) -> str:
    """A command line without the variables that it sets for the command."""
    return _VARIABLES.sub("", line)


def commands(document: str) -> Iterator[list[str]]:
    """The words of each command in the shell blocks, without variables before it, files and comments behind it."""
    for block in blocks(document, "sh"):
        for line in (re.sub(r" \d?> ?\S+", "", line) for line in command_lines(block)):
            for part in re.split(r" (?:&&|\|\||;|\|) ", without_variables(line)):
                yield shlex.split(without_variables(part))


def module_of(words: list[str]) -> tuple[str, list[str]]:
    """The module that a command runs by `python -m`, and its arguments; '' if it runs none."""
    if re.fullmatch(r"(?:\S*/)?python3?", words[0]) and words[1:2] == ["-m"]:
        return words[2], words[3:]
    return "", []


def parsed(document: str, parse: Callable[[list[str]], argparse.Namespace], arguments: list[str]) -> None:
    """Fail where a command line does not take the arguments."""
    if any(word in ("…", "...") or word.endswith("…") for word in arguments):
        return  # it stands for more
    try:
        parse(arguments)
    except SystemExit as end:
        assert end.code == 0, f"{document}: {arguments}"


def test_there_are_commands_and_programs() -> None:
    """The other tests look at each of them."""
    said = [words for document in ASKED for words in commands(document)]
    assert sum(Path(words[0]).name == "mintmark" for words in said) > 20
    assert sum(module_of(words)[0] == "catalog" for words in said) > 4
    assert sum(1 for document in ASKED for _ in blocks(document, "python")) > 3


@pytest.mark.parametrize("document", ASKED)
def test_blocks_of_commands_say_that_they_are(document: str) -> None:
    """The other tests find them by that."""
    command = re.compile(r"^(curl|docker|helm|kubectl|make|mintmark|openssl|pip|podman|\S*python3?) ", re.MULTILINE)
    unnamed = [block for language, block in named_blocks(document) if language not in ("sh", "python")]
    assert [block for block in unnamed if command.search(block)] == []


@pytest.mark.parametrize("document", ASKED)
def test_mintmark_takes_its_commands(document: str) -> None:
    for words in commands(document):
        if Path(words[0]).name == "mintmark":
            parsed(document, make_parser().parse_args, words[1:])


@pytest.mark.parametrize("document", ASKED)
def test_operators_commands_are_taken(document: str) -> None:
    parsers = {"catalog": catalog.parse, "server": server.parse, "web": web.parse}
    for words in commands(document):
        module, arguments = module_of(words)
        if words[0] == "make" and words[1] in ("serve", "phone"):
            given = [word.removeprefix("ARGS=") for word in words[2:] if word.startswith("ARGS=")]
            module, arguments = "server", shlex.split(" ".join(given))
        if module in parsers:
            parsed(document, parsers[module], arguments)


@pytest.mark.parametrize("document", ASKED)
def test_programs_use_what_there_is(document: str) -> None:
    for block in blocks(document, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("mintmark", "training"):
                there = importlib.import_module(str(node.module))
                assert [name.name for name in node.names if not hasattr(there, name.name)] == []
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "client":
                assert hasattr(mintmark.Client, node.attr), f"{document}: client.{node.attr}"


@pytest.mark.slow
def test_the_site_can_be_built_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "site" / "reference" / "contract.html").read_text()
    assert "coin_search_all" in reference and "photo file: JPEG" in reference
    assert "Client.recognize_pair" in (tmp_path / "site" / "reference" / "python.html").read_text()
