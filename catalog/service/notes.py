"""What every answer says where photos of the catalog wait to be embedded or mapped again."""

from catalog.interface import Waiting


def notes(waiting: Waiting, verify: bool) -> tuple[str, ...]:
    """A sentence for the photos that are not searched, and one for those that lack a relief map.

    Args:
        waiting: how many there are.
        verify: whether the search compares reliefs; else a map that is missing is no matter.
    """
    said = []
    if stale := waiting.stale:
        said.append(f"{_waits(stale)} for `mintmark reembed`: {_are(stale)} not searched")
    # Of the photos without a map, those that are not searched are told already.
    if verify and (unmapped := waiting.without_relief - stale) > 0:
        said.append(f"{_waits(unmapped)} for `mintmark reembed`: {_are(unmapped)} judged by the embedding alone")
    return tuple(said)


def _waits(count: int) -> str:
    return "1 photo waits" if count == 1 else f"{count} photos wait"


def _are(count: int) -> str:
    return "it is" if count == 1 else "they are"
