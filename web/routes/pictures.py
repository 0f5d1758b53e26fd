"""The catalog's pictures: JPEG of rectified coins, which browsers keep for a while."""

import hashlib
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response
from starlette.requests import Request

from mintmark import Client
from web.access import Access, Reader
from web.gateway import Gateway, Shared
from web.ids import EntryId, ViewId
from web.problems import Problem

router = APIRouter(tags=["pictures"])

_JPEG = "image/jpeg"
_KEPT = "private, max-age=3600"  # by this browser alone: not everybody may see it


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {_JPEG: {}}},
    304: {"description": "as the browser has it"},
}


@router.get("/pictures/{entry_id}", response_class=Response, responses=_ANSWERS)
async def cover(entry_id: EntryId, request: Request, gateway: Shared, access: Reader) -> Response:
    """The picture of an entry's first photo."""
    return await _answer(request, gateway, access, lambda client: client.picture(entry_id))


@router.get("/pictures/{entry_id}/{view_id}", response_class=Response, responses=_ANSWERS)
async def picture(entry_id: EntryId, view_id: ViewId, request: Request, gateway: Shared, access: Reader) -> Response:
    """The picture of one photo of an entry."""
    return await _answer(request, gateway, access, lambda client: client.picture(entry_id, view_id))


async def _answer(request: Request, gateway: Gateway, access: Access, find: Callable[[Client], bytes]) -> Response:
    data = await gateway.server.ask(access.token, find)
    if not data:
        raise Problem(404, "not-found", "There is no picture of this photo.")
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT, "Vary": "Cookie, Authorization"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=_JPEG, headers=headers)


def _has(known: str, tag: str) -> bool:
    """Whether a header If-None-Match names the tag; the comparison is the weak one (RFC 9110, 13.1.2)."""
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    return "*" in tags or tag in tags
