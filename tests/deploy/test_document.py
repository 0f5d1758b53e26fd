"""docs/deployment.md describes every setting, and names only files and modules that exist."""

import re

from catalog.opening import KINDS
from ensemble import variables
from tests.deploy.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()
LISTS = {variables.SECRETS, variables.GATE_ONLY, variables.FILE}  # in the module, but not names of variables
SETTINGS = re.findall(r"^\| (`MINTMARK.*?) \|", DOCUMENT, flags=re.MULTILINE)


def sources(pattern: str) -> str:
    return "".join(path.read_text() for path in sorted((ROOT / "deploy").glob(pattern)))


def named(text: str) -> set[str]:
    return set(re.findall(r"MINTMARK_[A-Z_]*[A-Z]", text))


def test_every_setting_is_described_and_no_other() -> None:
    """The code names a variable as `variables.TOKEN`; every secret may come from a file as well."""
    code = {getattr(variables, name) for name in re.findall(r"variables\.([A-Z_]+)", sources("*.py"))} - LISTS
    code |= {secret for kind in KINDS for secret in kind.secrets}
    code |= {variables.CANDIDATES, variables.MOST_CANDIDATES}  # ensemble.parameters reads and checks them
    code |= {variables.LIMITS}  # ensemble.limits does
    assert code | {f"{secret}{variables.FILE}" for secret in variables.SECRETS} == named("".join(SETTINGS))


def test_every_variable_of_the_compose_files_is_described() -> None:
    used = set(re.findall(r"\$\{(MINTMARK\w+)", sources("compose.*.yaml")))  # docs/milvus.md describes Milvus's own
    assert used
    assert used <= named(DOCUMENT)


def test_files_and_modules_exist() -> None:
    for path in set(re.findall(r"(?:deploy|docs)/[\w.]+\.(?:yaml|py|md)", DOCUMENT)):
        assert (ROOT / path).is_file(), path
    for module in set(re.findall(r"python3 -m ([\w.]+)", DOCUMENT)):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
