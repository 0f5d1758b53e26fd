"""The catalog's pictures: JPEG of rectified coins, which browsers keep for a while."""

import hashlib

from fastapi import APIRouter, Response
from starlette.requests import Request

from mintmark import Client
from web.access import Reader
from web.gateway import Shared
from web.ids import EntryId, ViewId
from web.problems import Problem

router = APIRouter(tags=["pictures"])

_JPEG = "image/jpeg"
_KEPT = "private, max-age=3600"  # by this browser alone: not everybody may see it


@router.get(
    "/pictures/{entry_id}/{view_id}",
    response_class=Response,
    responses={200: {"content": {_JPEG: {}}}, 304: {"description": "as the browser has it"}},
)
async def picture(entry_id: EntryId, view_id: ViewId, request: Request, gateway: Shared, access: Reader) -> Response:
    """The picture of one photo of an entry."""

    def find(client: Client) -> bytes:
        return next((view.picture for view in client.views(entry_id) if view.id == view_id), b"")

    data = await gateway.server.ask(access.token, find)
    if not data:
        raise Problem(404, "not-found", "The entry has no picture of this photo.")
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT, "Vary": "Cookie, Authorization"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=_JPEG, headers=headers)


def _has(known: str, tag: str) -> bool:
    """Whether a header If-None-Match names the tag; the comparison is the weak one (RFC 9110, 13.1.2)."""
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    return "*" in tags or tag in tags
