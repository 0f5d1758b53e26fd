"""Everything that this package raises.

MintmarkError
  InvalidRequest      what was asked for is wrong: k out of range, a field missing, a filter unknown, an export damaged
    InvalidPhoto      the photo cannot be read: empty, not an image, unsupported format, too large
  NoCoinFound         enrolling a photo that shows no coin
  EntryNotFound       the catalog has no entry of that id
  Unauthorized        the server wants another token
  ServerUnavailable   nothing listens there, or the server is not ready: trying again may help
    ServerBusy        the server has as many requests waiting as it takes, or this one waited too long: try again later
  RequestTimeout      no answer within the client's timeout
  ServerError         the server failed, or answered something else than it promises
"""

from mintmark import _contract as contract


class MintmarkError(Exception):
    """Base of all errors of this package."""


class InvalidRequest(MintmarkError):
    """What was asked for is wrong; asking again will fail again."""


class InvalidPhoto(InvalidRequest):
    """The photo cannot be read."""


class NoCoinFound(MintmarkError):
    """The photo shows no coin, so there is nothing to enroll."""


class EntryNotFound(MintmarkError):
    """The catalog has no entry of that id."""


class Unauthorized(MintmarkError):
    """The server refused the token, or wants one."""


class ServerUnavailable(MintmarkError):
    """Nothing listens at the address, or the server is not ready."""


class ServerBusy(ServerUnavailable):
    """The server refused the request because too many wait, or gave it up because it waited too long."""


class RequestTimeout(MintmarkError):
    """No answer came within the client's timeout; the server may still have done what was asked."""


class ServerError(MintmarkError):
    """The server failed, or answered something else than it promises."""


BY_CODE: dict[str, type[MintmarkError]] = {
    contract.INVALID_PHOTO: InvalidPhoto,
    contract.NO_COIN: NoCoinFound,
    contract.INVALID_PARAMETER: InvalidRequest,
    contract.INVALID_ENTRY: InvalidRequest,
    contract.ENTRY_NOT_FOUND: EntryNotFound,
    contract.UNAUTHORIZED: Unauthorized,
    contract.CATALOG_UNAVAILABLE: ServerUnavailable,
}
"""What is raised for the codes that the server's errors carry."""
