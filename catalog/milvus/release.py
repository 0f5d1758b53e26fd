"""What the release of a Milvus server means for a catalog: whether it works, and which indexes there are."""

import re
from dataclasses import dataclass

from ensemble.errors import CatalogError

LEAST, NEWEST = (2, 3), (3, 0)  # releases that the catalog is written for
_INVERTED = (2, 4)  # the first with inverted indexes
_NUMBER = re.compile(r"v?(\d+)\.(\d+)")
_SUPPORTED = "{}.{} to {}.{}".format(*LEAST, *NEWEST)


@dataclass(frozen=True)
class Release:
    """A server's release.

    Attributes:
        name: as the server says it.
        number: major and minor; that of the newest for milvus-lite, which counts by itself, and for unknown names.
    """

    name: str
    number: tuple[int, int]

    @property
    def scalar_index(self) -> str:
        """Kind of the indexes of texts and numbers; '' leaves it to the server."""
        return "INVERTED" if self.number >= _INVERTED else ""

    @property
    def warning(self) -> str:
        """What is worse or unknown with this release, in one line; '' if nothing is."""
        if self.number < _INVERTED:
            return (
                f"Milvus {self.name} has no inverted indexes: filters by metadata look at every row. "
                f"The catalog supports Milvus {_SUPPORTED}"
            )
        if self.number > NEWEST:
            return f"Milvus {self.name} is newer than what the catalog is written for, Milvus {_SUPPORTED}"
        return ""


def release_of(name: str) -> Release:
    """The release that a server names, such as 'v2.3.5-lite' or '3.0.1'.

    Raises:
        CatalogError: it is too old.
    """
    found = _NUMBER.match(name)
    number = (int(found[1]), int(found[2])) if found else NEWEST
    if number < LEAST:
        raise CatalogError(f"Milvus {name} is too old: the catalog supports Milvus {_SUPPORTED}")
    return Release(name, number)
