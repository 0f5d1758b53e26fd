"""Who may change the catalog and who may read it: everyone, or who has a token if one is set."""

import hmac
import os
import re
from collections.abc import Mapping

from ensemble.errors import AccessError
from ensemble.variables import READ_TOKEN, TOKEN, TOKENS

HEADER = "authorization"  # as a request parameter: Triton forwards the name in the client's upper and lower case
OWNER, READER = "owner", "reader"  # who holds TOKEN, and READ_TOKEN
_NAMED = re.compile(r"([A-Za-z0-9_.-]{1,40}):([!-~]+)")

Tokens = Mapping[str, str]  # by the names of their holders


class AccessSetupError(ValueError):
    """The server's tokens are set in a way that leaves open what looks closed."""


def check_setup(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a token for reading without one for changing, and names that cannot be told apart.

    Raises:
        AccessSetupError: everyone could change a catalog that not everyone may read, or TOKENS cannot be read.
    """
    if not changing(environment) and environment.get(READ_TOKEN):
        raise AccessSetupError(f"{READ_TOKEN} is set and {TOKEN} is not: set both, or neither")


def changing(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The tokens that changing takes, by the names of their holders; none where everyone may change.

    Raises:
        AccessSetupError: TOKENS is not NAME:TOKEN, with spaces or line ends between, or has a name twice.
    """
    token = environment.get(TOKEN, "")
    tokens = {OWNER: token} if token else {}
    for one in environment.get(TOKENS, "").split():
        if (named := _NAMED.fullmatch(one)) is None:
            raise AccessSetupError(f"{TOKENS} must be NAME:TOKEN, with spaces or line ends between; names are letters")
        if named[1] in (*tokens, OWNER, READER):
            raise AccessSetupError(f"{TOKENS} has the name {named[1]} twice, or it is one of {OWNER}, {READER}")
        tokens[named[1]] = named[2]
    return tokens


def reading(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The tokens that reading takes, likewise; none where everyone may read."""
    token = environment.get(READ_TOKEN, "")
    return {READER: token, **changing(environment)} if token else {}


def own_right(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Request parameters by which the server's own models may read from each other."""
    token = environment.get(READ_TOKEN, "")
    return {HEADER: f"Bearer {token}"} if token else {}


def check_change(parameters: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> str:
    """Let a change pass if no token is set or the request carries one as a bearer header.

    Args:
        parameters: of the request.
        environment: where the tokens are set.

    Returns:
        The name of the token's holder; '' if no token is set.

    Raises:
        AccessError: missing or wrong token.
    """
    return check_token(parameters, changing(environment), "changing")


def may_change(parameters: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `check_change` lets a change pass."""
    try:
        check_change(parameters, environment)
    except AccessError:
        return False
    return True


def check_read(parameters: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> str:
    """As `check_change`, for reading. It needs a token only if one for reading is set, and takes all tokens."""
    return check_token(parameters, reading(environment), "reading")


def check_token(parameters: Mapping[str, object], accepted: Tokens, doing: str) -> str:
    """Let a request pass that carries one of the accepted tokens; if there is none, every request.

    Returns:
        The name of its holder; '' if none is needed.

    Raises:
        AccessError: missing or wrong token.
    """
    if not accepted:
        return ""
    given = next((str(value) for name, value in parameters.items() if name.lower() == HEADER), "")
    if not given:
        raise AccessError(
            f"unauthorized: {doing} this catalog needs a token; send the header 'authorization: Bearer …'"
        )
    # All are compared, each in constant time, which does not tell how much of a token was right.
    right = {name: hmac.compare_digest(in_bytes(given), f"Bearer {token}".encode()) for name, token in accepted.items()}
    if not any(right.values()):
        raise AccessError("unauthorized: wrong token")
    return next(name for name, same in right.items() if same)


def in_bytes(header: str) -> bytes:
    """A header as it was sent: over HTTP it may hold any bytes."""
    return header.encode(errors="surrogateescape")
