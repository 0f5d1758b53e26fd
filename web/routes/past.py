"""What happened to entries, and undoing it."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from mintmark import Event, EventPage
from web.access import Changer, Reader
from web.gateway import Shared
from web.ids import EntryId

router = APIRouter(tags=["history"])

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str, Query(max_length=200, description="`next` of the page before")]


class Undoing(BaseModel):
    """What to undo: the last change, of all or of one entry, or the event with a number."""

    model_config = ConfigDict(extra="forbid")

    entry: str = ""
    event: str = ""


@router.get("/history")
async def history(gateway: Shared, access: Reader, limit: Limit = 50, cursor: Cursor = "") -> EventPage:
    """One page of what happened to all entries, newest first."""
    return await gateway.server.ask(access.token, lambda client: client.history_page(after=cursor, limit=limit))


@router.get("/entries/{entry_id}/history")
async def history_of(
    entry_id: EntryId, gateway: Shared, access: Reader, limit: Limit = 50, cursor: Cursor = ""
) -> EventPage:
    """One page of what happened to one entry, newest first."""
    return await gateway.server.ask(
        access.token, lambda client: client.history_page(entry_id, after=cursor, limit=limit)
    )


@router.post("/undo")
async def undo(what: Undoing, gateway: Shared, access: Changer) -> Event:
    """Undo a change; the answer is what was undone."""
    return await gateway.server.ask(access.token, lambda client: client.undo(what.entry, event=what.event))
