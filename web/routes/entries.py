"""Entries and their photos: lists, single ones, changes."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from ensemble.entry import ENTRY_FIELDS
from mintmark import Client, Entry, EntryPage, Similar
from web import filters
from web.access import Changer, Reader
from web.filters import filters_of
from web.gateway import Shared
from web.ids import EntryId, ViewId
from web.problems import Problem

router = APIRouter(tags=["entries"])

MAX_PAGE = 200  # entries of one answer, each perhaps of 16 kB
MAX_SIMILAR = 100
_CHANGEABLE = (*(one.name for one in ENTRY_FIELDS), "metadata")
_CHANGES = {"application/json": {"schema": {"type": "object", "properties": {name: {} for name in _CHANGEABLE}}}}


class ViewState(BaseModel):
    """A photo of an entry. `picture`: where it is. The rest: as in `mintmark.View`."""

    id: str
    side: str
    stale: bool
    verifiable: bool
    picture: str


class EntryWithViews(BaseModel):
    """An entry and its photos, in the order of their enrolment."""

    entry: Entry
    views: tuple[ViewState, ...]


class ViewChange(BaseModel):
    """What a photo shows from now on, or the entry that it belongs to, or both."""

    model_config = ConfigDict(extra="forbid")

    side: str = ""
    entry: str = ""


@router.get("/entries", openapi_extra={"parameters": filters.described()})
async def list_entries(
    request: Request,
    gateway: Shared,
    access: Reader,
    text: Annotated[str, Query(max_length=500, description="words that the name has")] = "",
    sort: Annotated[str, Query(max_length=40, description="a field of the entry; else the order of enrolment")] = "",
    descending: bool = False,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str, Query(max_length=2000, description="`next` of the page before")] = "",
) -> EntryPage:
    """One page of the entries; `next` is the cursor of the next one, '' after the last."""
    narrowed = filters_of(request, "text", "sort", "descending", "limit", "cursor")

    def page(client: Client) -> EntryPage:
        return client.page(text, narrowed, sort=sort, descending=descending, after=cursor, limit=limit)

    return await gateway.server.ask(access.token, page)


@router.get("/entries/{entry_id}")
async def show(entry_id: EntryId, gateway: Shared, access: Reader) -> EntryWithViews:
    """One entry with its photos."""

    def entry(client: Client) -> EntryWithViews:
        views = tuple(
            ViewState(
                id=view.id,
                side=view.side,
                stale=view.stale,
                verifiable=view.verifiable,
                picture=f"/api/pictures/{entry_id}/{view.id}" if view.picture else "",
            )
            for view in client.views(entry_id)
        )
        return EntryWithViews(entry=client.show(entry_id), views=views)

    return await gateway.server.ask(access.token, entry)


@router.patch("/entries/{entry_id}", openapi_extra={"requestBody": {"content": _CHANGES}})
async def update(
    entry_id: EntryId, changes: Annotated[dict[str, Any], Body()], gateway: Shared, access: Changer
) -> Entry:
    """Change fields of an entry; `metadata` is replaced as a whole."""
    if unknown := [name for name in changes if name not in _CHANGEABLE]:
        raise Problem(400, "invalid-request", f"An entry has no {unknown[0][:40]!r} that could be changed.")
    return await gateway.server.ask(access.token, lambda client: client.update(entry_id, **changes))


@router.delete("/entries/{entry_id}", status_code=204)
async def remove(entry_id: EntryId, gateway: Shared, access: Changer) -> None:
    """Remove an entry with its photos; undoing brings them back."""
    await gateway.server.ask(access.token, lambda client: client.remove(entry_id))


@router.get("/similar/{entry_id}")
async def similar(
    entry_id: EntryId, gateway: Shared, access: Reader, k: Annotated[int, Query(ge=1, le=MAX_SIMILAR)] = 5
) -> tuple[Similar, ...]:
    """The entries that look most like one."""
    return await gateway.server.ask(access.token, lambda client: client.similar(entry_id, k))


@router.patch("/views/{view_id}", status_code=204)
async def change_view(view_id: ViewId, change: ViewChange, gateway: Shared, access: Changer) -> None:
    """Let a photo show another side, or belong to another entry."""
    await gateway.server.ask(
        access.token, lambda client: client.change_view(view_id, side=change.side, entry_id=change.entry)
    )


@router.delete("/views/{view_id}", status_code=204)
async def remove_view(view_id: ViewId, gateway: Shared, access: Changer) -> None:
    """Remove a photo of an entry that has others."""
    await gateway.server.ask(access.token, lambda client: client.remove_view(view_id))
