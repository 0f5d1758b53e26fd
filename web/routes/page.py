"""The page: files of web/page/ as they are."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "page"
_KEPT = "no-cache"  # kept, and asked about each time: a new release is seen at once


class Page(StaticFiles):
    """Answers with the files; `/` is index.html."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or 404."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _KEPT
        return response
