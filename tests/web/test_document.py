"""docs/web.md names every route, error and limit."""

import re
from pathlib import Path

from tests.web.conftest import Browser
from web.settings import limits

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "web.md").read_text()


def test_every_route_is_listed(browser: Browser) -> None:
    paths = browser.http.get("/api/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    listed = re.findall(r"^\| `([A-Z]+ /api/\S+)` \| \w+ \|", DOCUMENT, re.MULTILINE)
    assert sorted(listed) == sorted({*routes, "WS /api/frames"})


def test_every_kind_of_error_is_listed() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "web").rglob("*.py"))
    kinds = {*re.findall(r'Problem\(\s*[\w.]+, "([a-z-]+)"', code), *re.findall(r', \d{3}, "([a-z-]+)"', code)}
    kinds |= set(re.findall(r'\(\d{3}, "([a-z-]+)"\)', code))
    assert len(kinds) > 15
    assert set(re.findall(r"^\| `urn:mintmark:([a-z-]+)` \|", DOCUMENT, re.MULTILINE)) == kinds


def test_every_limit_is_listed() -> None:
    table = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| (.+) \|$", DOCUMENT, re.MULTILINE)
    assert table == [(one.name, f"{one.default:,.0f}", one.metadata["doc"]) for one in limits()]
