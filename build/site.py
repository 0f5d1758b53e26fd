"""What the site of the documents is made of besides docs/: a hook of MkDocs, see mkdocs.yml.

Pages that belong to a folder lie in that folder, such as the client's README. They come into the site as they are, and
their links lead to pages of the site. A link to a file of the repository that is no page becomes its name. The
reference follows from the contract.
"""

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "python_client" / "src")]

import ensemble.variables as variables  # noqa: E402  after the path
from ensemble.contract import MODELS, Tensor  # noqa: E402

ELSEWHERE = {
    "README.md": "index.md",
    "python_client/README.md": "client.md",
    "weights/MODEL_CARD.md": "weights.md",
    "training/LOG.md": "experiments.md",
    "deploy/chart/README.md": "chart.md",
    "loadtest/README.md": "loadtest.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
}
ICON = ROOT / "web" / "page" / "icons" / "icon.svg"
PYTHON = "# The Python client\n\n::: mintmark\n"
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"(!\[[^\]]*\])\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and those of the reference."""
    made = {
        "reference/python.md": PYTHON,
        "reference/contract.md": contract(),
        "reference/variables.md": settings(),
    }
    for source, page in ELSEWHERE.items():
        made[page] = (ROOT / source).read_text(encoding="utf-8")
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, ICON.name, abs_src_path=str(ICON)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links and pictures lead to pages and files of the site."""
    here = page.file.src_uri
    source = {page: path for path, page in ELSEWHERE.items()}.get(here, f"docs/{here}")
    pieces, at = [], 0
    for code in _CODE.finditer(markdown):
        pieces += [_relinked(markdown[at : code.start()], source, here), code[0]]
        at = code.end()
    return "".join([*pieces, _relinked(markdown[at:], source, here)])


def _relinked(text: str, source: str, here: str) -> str:
    def link(match: re.Match[str]) -> str:
        label, target = match.groups()
        if target.startswith(("http://", "https://", "mailto:", "#")):
            return match[0]
        path, mark, anchor = target.partition("#")
        page = _in_site(source, path)
        return (
            label
            if page is None
            else f"[{label}]({posixpath.relpath(page, posixpath.dirname(here) or '.')}{mark}{anchor})"
        )

    def picture(match: re.Match[str]) -> str:
        page = _in_site(source, match[2])
        return match[0] if page is None else f"{match[1]}({posixpath.relpath(page, posixpath.dirname(here) or '.')})"

    return _LINK.sub(link, _PICTURE.sub(picture, text))


def _in_site(source: str, target: str) -> str | None:
    """Where a file lies in the site, by a link to it in a file of the repository; None if it is no part of the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def contract() -> str:
    """The page of models and tensors, from ensemble/contract.py."""
    lines = [
        "# Models and tensors",
        "",
        "Every model takes a batch; `dims` are those of one photo. -1: any length.",
        "",
    ]
    for model in MODELS:
        doc = f"{model.doc[0].upper()}{model.doc[1:]}."
        lines += [
            f"## `{model.name}`",
            "",
            doc,
            "",
            "| | tensor | type | dims | what |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_row("in", tensor) for tensor in model.inputs] + [_row("out", tensor) for tensor in model.outputs]
        lines.append("")
    return "\n".join(lines)


def _row(way: str, tensor: Tensor) -> str:
    return f"| {way} | `{tensor.name}` | {tensor.dtype.value} | {list(tensor.dims)} | {tensor.doc} |"


def settings() -> str:
    """The page of environment variables, from ensemble/variables.py: its comments say what they mean."""
    rows = re.findall(r'^[A-Z_]+ = "(MINTMARK_\w+)"(?:  # (.*))?$', Path(variables.__file__).read_text(), re.MULTILINE)
    table = [f"| `{name}` | {doc} |" for name, doc in rows]
    return "\n".join(["# Variables", "", "| variable | meaning |", "| --- | --- |", *table, ""])
