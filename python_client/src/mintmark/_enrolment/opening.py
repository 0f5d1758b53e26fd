"""Which source a file is."""

from pathlib import Path

from mintmark._enrolment.opennumismat import MAGIC, OpenNumismatSource
from mintmark._enrolment.row import Source
from mintmark._enrolment.table import TableSource
from mintmark._errors import InvalidRequest


def open_source(path: str, photos: Path | None = None) -> Source:
    """The rows of a table, of a Numista export or of an OpenNumismat collection.

    `photos`: where the paths of a table start, instead of its folder. InvalidRequest if the file is none of these.
    """
    return OpenNumismatSource(path) if _beginning(path) == MAGIC else TableSource(path, photos)


def _beginning(path: str) -> bytes:
    """The first bytes of a file; none of what is no file, which only `TableSource` complains of."""
    if not Path(path).is_file():
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC))
    except OSError as error:
        raise InvalidRequest(f"cannot open {path}: {error.strerror or error}") from error
