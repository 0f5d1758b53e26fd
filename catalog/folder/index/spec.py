"""The kind of index that searches a catalog, in one setting."""

import re
from dataclasses import dataclass
from typing import Any

import faiss

from ensemble import variables
from ensemble.contract import EMBEDDING_SIZE

LEAST_PER_LIST = 39  # vectors that Faiss wants for each centroid
KINDS = "Flat, SQ8, HNSW<links>, IVF<lists>,Flat, IVF<lists>,SQ8 and IVF<lists>,PQ<bytes>"
# Faiss also makes HNSW0, HNSW1 and IVF0, and crashes when they are filled or searched.
_KIND = re.compile(r"Flat|SQ8|HNSW([2-9]|[1-9]\d+)|IVF([1-9]\d*)?,(Flat|SQ8|PQ\d+)")
_LISTS = re.compile(r"IVF(\d*)")
_SEARCH = {"HNSW": "efSearch", "IVF": "nprobe"}  # parameter of the search by kind


class SpecError(ValueError):
    """The setting names no index that Faiss can make; the message says why."""


@dataclass(frozen=True)
class IndexSpec:
    """An index by Faiss's factory string, and how thoroughly it is searched.

    Attributes:
        text: the setting, such as 'Flat', 'HNSW32', 'IVF4096,Flat', 'IVF,PQ32:nprobe=64'. IVF without a number gets
            as many lists as suit the catalog when it is built.
        factory: Faiss's part of it.
        search: efSearch of HNSW or nprobe of IVF, if the setting gives one.
    """

    text: str
    factory: str
    search: int | None

    @property
    def lossy(self) -> bool:
        """Whether vectors are stored in fewer bits, so that scores have to be computed again."""
        return "PQ" in self.factory or "SQ" in self.factory

    @property
    def lists(self) -> int | None:
        """Inverted lists; 0 if the catalog's size decides; None for an index without lists."""
        found = _LISTS.search(self.factory)
        return None if found is None else int(found[1] or 0)

    def factory_for(self, views: int) -> str:
        """Faiss's factory string for a catalog of this size: four lists for the square root of the views."""
        lists = 1 << max(4, round(4 * max(1, views) ** 0.5).bit_length() - 1)
        return _LISTS.sub(lambda found: found[0] if found[1] else f"IVF{lists}", self.factory)

    def least_views(self) -> int:
        """The fewest views that the index can be built from."""
        return LEAST_PER_LIST * max(self.lists or 0, 256 if self.lossy else 1)

    def empty(self, views: int) -> Any:
        """An untrained Faiss index of inner products that takes ids."""
        index = faiss.index_factory(EMBEDDING_SIZE, self.factory_for(views), faiss.METRIC_INNER_PRODUCT)
        return index if isinstance(index, faiss.IndexIVF) else faiss.IndexIDMap(index)


FLAT = IndexSpec("Flat", "Flat", None)


def parse_spec(text: str) -> IndexSpec:
    """Read the setting; '' is 'Flat'.

    Raises:
        SpecError: Faiss does not make such an index, or the search parameter is not one of this kind.
    """
    text = text.strip() or FLAT.text
    factory, colon, parameter = text.partition(":")
    if not _KIND.fullmatch(factory):
        raise SpecError(f"{variables.INDEX} is {text!r}; an index is one of {KINDS}")
    search = None
    if colon:
        name, _, value = parameter.partition("=")
        if name != _SEARCH.get(re.split(r"\d|,", factory)[0]) or not value.isdecimal() or int(value) < 1:
            raise SpecError(
                f"{variables.INDEX} is {text!r}; HNSW may be followed by :efSearch=NUMBER, IVF by :nprobe=NUMBER"
            )
        search = int(value)
    spec = IndexSpec(text, factory, search)
    try:
        spec.empty(views=100_000)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SpecError(f"{variables.INDEX} is {text!r}, which Faiss does not make: {reason}") from error
    return spec
