"""What is known of a kind of store before one is opened: its name, what it needs, which settings are secret."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from catalog.entry import Makers
from catalog.interface import Catalog


class Open(Protocol):
    """Opens a catalog at a location that has been checked."""

    def __call__(self, location: str, makers: Makers, index: str, gpu: int | None) -> Catalog:
        """The catalog.

        Args:
            location: where it lies.
            makers: of the embeddings and relief maps that are stored and searched.
            index: kind of the index, in the words of this kind of store; '' takes its default.
            gpu: number of the GPU that searches, if the store can use one; None takes the CPU.

        Raises:
            CatalogError: it cannot be opened.
        """


@dataclass(frozen=True)
class StoreKind:
    """A kind of store.

    Attributes:
        name: in messages.
        schemes: before '://' in its locations; empty for the kind whose locations are paths.
        example: of a location.
        open: see `Open`.
        check_location: raises ValueError for a malformed location.
        check_index: raises ValueError for an index that the kind does not have.
        package: that it needs beyond the server's own; '' for none.
        requirements: file that installs the package.
        secrets: environment variables that hold secrets; a container can read each from a file.
    """

    name: str
    schemes: tuple[str, ...]
    example: str
    open: Open
    check_location: Callable[[str], object]
    check_index: Callable[[str], object]
    package: str = ""
    requirements: str = ""
    secrets: tuple[str, ...] = ()

    def missing(self) -> str:
        """What has to be installed to open a catalog of this kind; '' for nothing."""
        if not self.package or importlib.util.find_spec(self.package) is not None:
            return ""
        return f"a catalog in {self.name} needs {self.package}: install {self.requirements}"

    def folder(self, location: str) -> Path | None:
        """The folder of this machine that a location names; None if the catalog lies elsewhere."""
        return None if self.schemes else Path(location)
