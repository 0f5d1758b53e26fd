"""Every error that this package raises.

MintmarkError
  InvalidRequest      the request is wrong: k out of range, a field missing, a filter unknown, an export damaged
    InvalidPhoto      the photo cannot be read: empty, not an image, unsupported format, too large
  NoCoinFound         the photo to enroll shows no coin
  UnfitPhoto          the coin in the photo to enroll is too small, blurred, or cut off by the photo's edge
  EntryNotFound       no entry has the id
  Unauthorized        the token is missing or wrong
  ServerUnavailable   nothing listens at the address, or the server is not ready: trying again may help
    ServerBusy        too many requests wait, this one waited too long, or the server is starting: try again later
  RequestTimeout      no answer came within the client's timeout
  ServerError         the server failed, or its answer breaks the contract
"""

from mintmark import _contract as contract


class MintmarkError(Exception):
    """Base of all errors of this package."""


class InvalidRequest(MintmarkError):
    """The request is wrong; sending it again fails again."""


class InvalidPhoto(InvalidRequest):
    """The photo cannot be read."""


class NoCoinFound(MintmarkError):
    """The photo shows no coin, so there is nothing to enroll."""


class UnfitPhoto(MintmarkError):
    """The photo to enroll shows a coin, but not well enough: the message says what is needed."""


class DoubtfulPhoto(UserWarning):
    """A photo was enrolled, and something about it is doubtful."""


class EntryNotFound(MintmarkError):
    """No entry of the catalog has the id."""


class Unauthorized(MintmarkError):
    """The token is missing or wrong."""


class ServerUnavailable(MintmarkError):
    """Nothing listens at the address, or the server is not ready."""


class ServerBusy(ServerUnavailable):
    """The server refused the request because too many wait or it is starting, or dropped it: it waited too long."""


class RequestTimeout(MintmarkError):
    """No answer came within the client's timeout. The server may have carried out the request all the same."""


class ServerError(MintmarkError):
    """The server failed, or its answer breaks the contract."""


OLDER = "a server of an older release than this client answers so: update it"
"""What an answer that lacks something most likely means."""

BY_CODE: dict[str, type[MintmarkError]] = {
    contract.INVALID_PHOTO: InvalidPhoto,
    contract.NO_COIN: NoCoinFound,
    contract.UNFIT_PHOTO: UnfitPhoto,
    contract.INVALID_PARAMETER: InvalidRequest,
    contract.INVALID_ENTRY: InvalidRequest,
    contract.ENTRY_NOT_FOUND: EntryNotFound,
    contract.UNAUTHORIZED: Unauthorized,
    contract.CATALOG_UNAVAILABLE: ServerUnavailable,
    contract.SERVER_STARTING: ServerBusy,
}
"""The error to raise for each code of the server."""
