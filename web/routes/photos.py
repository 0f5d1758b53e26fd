"""Recognizing and enrolling photos."""

import json
from dataclasses import fields as fields_of
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request

from ensemble.entry import SIDE, SIDES
from mintmark import EntryFields
from web import filters, uploads
from web.access import Changer, Reader
from web.enrolling import Enrolled, Said, enrolled, enrolled_once
from web.gateway import Shared
from web.ids import EntryId, is_id
from web.problems import Problem
from web.recognizing import Answer, Search, recognize, recognize_pair, search_of

router = APIRouter(tags=["photos"])

Checked = TypeVar("Checked")

ENTRY = "entry"  # the id that an enrolment wishes
_FIELDS = TypeAdapter(EntryFields)
_SAID = TypeAdapter(Said)
_NAMES = tuple(one.name for one in fields_of(EntryFields))
_ENROLLING = f"the entry's {', '.join(_NAMES)}, and {ENTRY!r}, an id of your own"


class Added(BaseModel):
    """What is doubtful about a photo that was added."""

    doubts: tuple[str, ...]


@router.post("/recognize", openapi_extra={"parameters": filters.described(), **uploads.described(raw=True, fields="")})
async def recognize_photos(
    request: Request,
    gateway: Shared,
    access: Reader,
    search: Annotated[Search, Depends(search_of)],
) -> Answer:
    """Say which coin a photo shows, or two photos of its two sides; or which coins, with `all`."""
    photos = (await uploads.upload_of(request, gateway.settings)).photos
    one, other = photos[0], photos[-1]
    if len(photos) == 1:
        return await gateway.server.ask(access.token, lambda client: recognize(client, one, search))
    if search.all:
        raise Problem(400, "invalid-request", "Two photos show one coin: leave out all, or send one photo.")
    return await gateway.server.ask(access.token, lambda client: recognize_pair(client, one, other, search))


@router.post("/entries", status_code=201, openapi_extra=uploads.described(raw=False, fields=_ENROLLING))
async def enroll(
    request: Request,
    gateway: Shared,
    access: Changer,
    once: Annotated[bool, Query(description="what is there is not enrolled again")] = False,
) -> Enrolled:
    """Add a coin by a photo, or by two of its two sides: the obverse first, unless `side` says otherwise."""
    upload = await uploads.upload_of(request, gateway.settings)
    said = dict(upload.fields)
    entry_id = said.pop(ENTRY, "")
    sides = _sides(said.pop(SIDE, None), len(upload.photos))
    if not (isinstance(entry_id, str) and (not entry_id or is_id(entry_id))):
        raise Problem(400, "invalid-request", f"{ENTRY!r} must be an id, 1 to 64 of A-Z a-z 0-9 . _ : -")
    photos = tuple(zip(upload.photos, sides, strict=True))
    if once:
        described = _checked(_SAID, said)
        return await gateway.server.ask(access.token, lambda client: enrolled_once(client, photos, described, entry_id))
    fields = _checked(_FIELDS, {**said, SIDE: sides[0]})
    return await gateway.server.ask(access.token, lambda client: enrolled(client, photos, fields, entry_id))


@router.post(
    "/entries/{entry_id}/views",
    status_code=201,
    openapi_extra=uploads.described(raw=False, fields=f"{SIDE!r}: what the photo shows"),
)
async def add_view(entry_id: EntryId, request: Request, gateway: Shared, access: Changer) -> Added:
    """Add a photo to an entry."""
    upload = await uploads.upload_of(request, gateway.settings)
    if len(upload.photos) > 1 or set(upload.fields) - {SIDE}:
        raise Problem(400, "invalid-request", f"A view is one photo, with its {SIDE!r} and nothing else.")
    side, photo = _sides(upload.fields.get(SIDE), 1)[0], upload.photos[0]
    doubts: list[str] = []
    await gateway.server.ask(
        access.token, lambda client: client.add_view(photo, entry_id, side, on_doubt=doubts.append)
    )
    return Added(doubts=tuple(doubts))


def _sides(first: Any, photos: int) -> tuple[str, ...]:
    """What each photo shows; the second of two shows the other side than the first."""
    obverse, reverse = SIDES[:2]
    if photos > 1:
        other = {None: reverse, obverse: reverse, reverse: obverse}.get(first if isinstance(first, str) else None)
        if first is not None and other is None:
            raise Problem(400, "invalid-request", f"Of two photos, the first shows the {obverse} or the {reverse}.")
        return (first or obverse, other or reverse)
    if not isinstance(first, str):
        raise Problem(400, "invalid-request", f"{SIDE!r} must say what the photo shows: {', '.join(SIDES)}.")
    return (first,)


def _checked(what: TypeAdapter[Checked], said: dict[str, Any]) -> Checked:
    if unknown := [name for name in said if name not in _NAMES]:
        raise Problem(400, "invalid-request", f"An entry has no {unknown[0][:40]!r}; it has {_ENROLLING}.")
    try:
        return what.validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Problem(400, "invalid-request", f"{where}: {first['msg']}") from error
