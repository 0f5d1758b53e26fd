"""Views of the database as the catalog shows them: with the embedding that counts, picture and relief map."""

from dataclasses import replace

from catalog.entry import StoredView
from catalog.folder.sqlite.generations import Generations
from catalog.folder.sqlite.reliefs import Reliefs


class Views:
    """Reads views. The caller wraps what belongs together in a transaction."""

    def __init__(self, generations: Generations, reliefs: Reliefs) -> None:
        self._generations = generations
        self._reliefs = reliefs

    def where(self, condition: str, value: int, limit: int = -1) -> list[tuple[int, StoredView]]:
        """Views that meet an SQL condition, each after its entry's number, in the order of enrolment."""
        rows = self._generations.views(condition, (value,), limit)
        maps = self._reliefs.of([int(view.id) for _, view in rows])
        return [(number, replace(view, relief=maps.get(int(view.id)))) for number, view in rows]
