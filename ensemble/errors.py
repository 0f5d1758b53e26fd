"""Every error that can answer a request: its code, which travels with the message, and its Triton status.

Triton transmits one of a few statuses and a text. The text begins with the code in brackets, `[NO_COIN] …`, so a client
need not read English. The codes are rendered into the Python client. This module imports nothing else of the project.
"""

import re
from enum import Enum
from typing import ClassVar

CODE_FORMAT = "[{code}] "  # before the message; Triton puts the names of ensembles and the request's id before both
_TRITONS = re.compile(r"(?:in ensemble '[^']*', |\[request id: .*?\] )*", re.DOTALL)

MOST_BYTES = 2_000  # of a message


class Status(Enum):
    """Triton's status for an error, by the names of its Python backend."""

    INVALID_ARG = "INVALID_ARG"
    NOT_FOUND = "NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"


def shortened(message: str) -> str:
    """A message that reaches clients: gRPC drops an answer whose header has 8 KB, where each byte may take three."""
    data = message.encode(errors="replace")
    return message if len(data) <= MOST_BYTES else f"{data[:MOST_BYTES].decode(errors='ignore')} …"


class RequestError(Exception):
    """An error that answers a request. The message says what is wrong, with the value, and what to do."""

    code: ClassVar[str]
    status: ClassVar[Status] = Status.INVALID_ARG

    @property
    def answer(self) -> str:
        """The text that the client receives."""
        return shortened(CODE_FORMAT.format(code=self.code) + str(self))


class PhotoError(RequestError):
    """The photo cannot be used: empty, damaged, of another format, too large."""

    code = "INVALID_PHOTO"


class NoCoinError(RequestError):
    """The photo shows no coin, so there is nothing to enroll."""

    code = "NO_COIN"
    status = Status.NOT_FOUND


class UnfitPhotoError(RequestError):
    """The photo shows a coin, but not well enough to enroll it; the message says what is wrong and what is needed."""

    code = "UNFIT_PHOTO"


class ParameterError(RequestError):
    """A request parameter or a text input is unknown or out of range; the message says the range."""

    code = "INVALID_PARAMETER"


class EntryError(RequestError):
    """An entry, or a change of it, is not valid; the message names the field."""

    code = "INVALID_ENTRY"


class EntryNotFoundError(RequestError):
    """No entry has this id."""

    code = "ENTRY_NOT_FOUND"
    status = Status.NOT_FOUND


class AccessError(RequestError):
    """The request needs a token, and has none or a wrong one. The message never holds a token."""

    code = "UNAUTHORIZED"  # Triton has no status for it


class CatalogError(RequestError):
    """The catalog cannot be read or written at the moment: disk full, read-only, no connection.

    The failed change was not made, unless the connection to the store broke before the answer: then it may have been.
    """

    code = "CATALOG_UNAVAILABLE"
    status = Status.UNAVAILABLE


class StartingError(RequestError):
    """The server is starting, so the request has had no effect."""

    code = "SERVER_STARTING"
    status = Status.UNAVAILABLE


ERRORS = (
    PhotoError,
    NoCoinError,
    UnfitPhotoError,
    ParameterError,
    EntryError,
    EntryNotFoundError,
    AccessError,
    CatalogError,
    StartingError,
)


def refused(answer: str) -> RequestError | None:
    """The error whose `answer` a text is, of whichever kind; None if it is none of them.

    The code stands where the server puts it: anywhere else it may be what a client sent.
    """
    own = _TRITONS.sub("", answer, count=1)
    for kind in ERRORS:
        lead = CODE_FORMAT.format(code=kind.code)
        if own.startswith(lead):
            return kind(own.removeprefix(lead))
    return None
