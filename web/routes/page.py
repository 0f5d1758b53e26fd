"""The page: files of web/page/ as they are."""

import asyncio
import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "page"
_INDEX = "index.html"
_RELEASE = "X-Release"  # the page's worker keeps what belongs together
_KEPT = "no-cache"  # kept, and asked about each time: a new release is seen at once


class Page(StaticFiles):
    """Answers with the files; `/` is index.html."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or 404."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _KEPT
        if path in (".", _INDEX):
            response.headers[_RELEASE] = await asyncio.to_thread(release)
        return response


def release() -> str:
    """Another text for other files."""
    digest = hashlib.sha256()
    for path in sorted(one for one in FOLDER.rglob("*") if one.is_file()):
        digest.update(f"{path.relative_to(FOLDER)} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
