"""What happened to entries, and how it is undone."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from catalog.entry import Entry
from catalog.events import Event, Kind
from catalog.interface import Catalog
from catalog.service.operations import fields
from catalog.service.operations.context import Context, Request
from catalog.service.operations.transfer import import_views
from ensemble.errors import EntryError, EntryNotFoundError

MAX_EVENTS = 1000  # of one answer
_PAGE = 100  # events that are read at a time to find one


def history(context: Context, request: Request) -> dict[str, Any]:
    """Events of an entry or of all, newest first, and where the next page begins."""
    limit = fields.number(request, "limit", 100, MAX_EVENTS)
    events = context.catalog.history(fields.text(request, "id", ""), fields.text(request, "after", ""), limit)
    return {"events": [asdict(event) for event in events], "next": events[-1].number if len(events) == limit else ""}


def undo(context: Context, request: Request) -> dict[str, Any]:
    """Undo an event, or the last one that was not undone: of an entry, or of all. The answer is what was undone."""
    number = fields.text(request, "event", "")
    event = _standing(context.catalog, fields.text(request, "id", ""), number)
    _UNDOING[event.kind](replace(context, by=replace(context.by, undoes=event.number)), event)
    return {"undone": asdict(event)}


def _standing(catalog: Catalog, entry_id: str, number: str) -> Event:
    """The last event that was not undone and undid nothing, or the one that is asked for."""
    undone = set[str]()
    for event in _events(catalog, entry_id):
        stands = event.number not in undone
        if stands and event.undoes:
            undone.add(event.undoes)
        if event.number == number and not stands:
            raise EntryError(f"event {number} was undone already")
        if event.number == number or (stands and not event.undoes and not number):
            return event
    if number:
        raise EntryNotFoundError(f"no event has the number {number!r}")
    of_entry = f" of the entry {entry_id!r}" if entry_id else ""
    raise EntryNotFoundError(f"there is no change{of_entry} that could be undone")


def _events(catalog: Catalog, entry_id: str) -> Iterator[Event]:
    before = ""
    while events := catalog.history(entry_id, before, _PAGE):
        yield from events
        before = events[-1].number


def _remove_again(context: Context, event: Event) -> None:
    """Photos were added: remove those of them that are there, and the entry with the last one."""
    there = {view.id: (view.photo, view.side) for view in context.catalog.views(event.entry)}
    ids = {said["id"] for said in event.said["views"]}
    photos = {(said["photo"], said["side"]) for said in event.said["views"] if said["photo"]}
    # A photo that was removed and put back has another id.
    gone = [view for view, photo in there.items() if view in ids or photo in photos]
    if not gone:
        raise EntryError(f"the photos that were added to {event.entry} are not there any more")
    if len(gone) == len(there):
        context.catalog.remove(event.entry, context.by)
        return
    for view in gone:
        context.catalog.remove_view(view, context.by)


def _change_back(context: Context, event: Event) -> None:
    """Fields were changed: they get their values of before, unless they were changed again."""
    now = asdict(context.catalog.show(event.entry))
    if changed := [name for name, value in event.said["after"].items() if now.get(name) != value]:
        raise EntryError(f"{', '.join(changed)} of {event.entry} changed again since: undo that first")
    context.catalog.update(event.entry, event.said["before"], context.by)


def _return_view(context: Context, event: Event) -> None:
    """A photo got another side or entry: it gets the ones of before. An entry that went with it is made again."""
    try:
        _return(context, event, event.said["view"])
    except EntryNotFoundError:
        if not (view := _put_back_as(context.catalog, event)):
            raise
        _return(context, event, view)


def _put_back_as(catalog: Catalog, event: Event) -> str:
    """The id of the photo that was changed, where it was removed since and put back; '' if it was not."""
    photo, side = event.said.get("photo"), event.said["side"][1]
    there = catalog.views(event.other or event.entry)
    return next((view.id for view in there if photo and (view.photo, view.side) == (photo, side)), "")


def _return(context: Context, event: Event, view: str) -> None:
    side = event.said["side"][0]
    if not event.other or event.other == event.entry:
        context.catalog.change_view(view, side, by=context.by)
        return
    left = event.said.get("left")
    entry = Entry(**left) if left else context.catalog.show(event.entry)
    context.catalog.change_view(view, side, entry, context.by)


def _put_back(context: Context, event: Event) -> None:
    """Photos were removed: import what was kept of them, and make the entry again if it went with them."""
    kept = context.catalog.kept(event.number)
    if not kept:
        raise EntryError(f"what was removed with event {event.number} is not kept any more: it cannot be undone")
    answer = import_views(context, {"operation": "import", **json.loads(kept)})
    if refused := answer.get("refused"):
        raise EntryError(f"{len(refused)} photos of {event.entry} could not be put back: {refused[0]['error']}")


_UNDOING = {
    Kind.ADDED: _remove_again,
    Kind.UPDATED: _change_back,
    Kind.CHANGED: _return_view,
    Kind.REMOVED: _put_back,
}
