"""The vector index of a collection, by Milvus's names, in one setting."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_KIND = re.compile(r"[A-Z][A-Z0-9_]*")
_SEARCH = ("ef", "nprobe", "search_list", "reorder_k")  # Milvus takes these with each search, the rest for building
_AT_LEAST_LIMIT = {"HNSW": "ef", "DISKANN": "search_list", "SCANN": "reorder_k"}  # by how the kind's name begins
_LEAST_WIDTH = 64  # of a search, if the setting gives none


@dataclass(frozen=True)
class MilvusIndex:
    """A vector index, by Milvus's names.

    Attributes:
        kind: such as FLAT, HNSW, IVF_FLAT.
        build: parameters for building it, such as M, nlist.
        search: parameters of each search, such as ef, nprobe.
    """

    kind: str
    build: Mapping[str, int | float | str] = field(default_factory=dict)
    search: Mapping[str, int | float | str] = field(default_factory=dict)

    def search_params(self, limit: int) -> dict[str, int | float | str]:
        """Parameters of a search for `limit` views. Milvus refuses a list of candidates that is shorter."""
        params = dict(self.search)
        for kind, width in _AT_LEAST_LIMIT.items():
            if self.kind.startswith(kind):
                params[width] = max(int(params.get(width, _LEAST_WIDTH)), limit)
        return params


def parse_index(text: str) -> MilvusIndex:
    """Read a setting such as 'FLAT', 'HNSW:M=16,efConstruction=200,ef=128' or 'IVF_FLAT:nlist=1024,nprobe=32'.

    '' is FLAT, which is exact.

    Raises:
        ValueError: it is malformed. Whether Milvus has such an index shows when it is made.
    """
    kind, _, rest = text.strip().partition(":")
    kind = kind.upper() or "FLAT"
    if not _KIND.fullmatch(kind):
        raise ValueError(f"the index {text!r} must be one of Milvus's, such as FLAT or HNSW:M=16,ef=128")
    build: dict[str, int | float | str] = {}
    search: dict[str, int | float | str] = {}
    for part in filter(None, rest.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ValueError(f"the index {text!r} has {part!r} where NAME=VALUE must stand")
        (search if name in _SEARCH else build)[name] = _number(value)
    return MilvusIndex(kind, build, search)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
