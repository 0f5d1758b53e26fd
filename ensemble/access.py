"""Who may change the catalog and who may read it: everyone, or who has a token if one is set."""

import hmac
import os
from collections.abc import Collection, Mapping

from ensemble.errors import AccessError
from ensemble.variables import READ_TOKEN, TOKEN

HEADER = "authorization"  # as a request parameter: Triton forwards the name in the client's upper and lower case


class AccessSetupError(ValueError):
    """The server's tokens are set in a way that leaves open what looks closed."""


def check_setup(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a token for reading without one for changing.

    Raises:
        AccessSetupError: everyone could change a catalog that not everyone may read.
    """
    if environment.get(READ_TOKEN) and not environment.get(TOKEN):
        raise AccessSetupError(f"{READ_TOKEN} is set and {TOKEN} is not: set both, or neither")


def own_right(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Request parameters by which the server's own models may read from each other."""
    token = environment.get(READ_TOKEN, "")
    return {HEADER: f"Bearer {token}"} if token else {}


def check_change(parameters: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> None:
    """Let a change pass if no token is set or the request carries it as a bearer header.

    Args:
        parameters: of the request.
        environment: where the token is set.

    Raises:
        AccessError: missing or wrong token.
    """
    token = environment.get(TOKEN, "")
    check_token(parameters, [token] if token else [], "changing")


def reading(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The tokens that reading takes; none where everyone may read."""
    tokens = [environment.get(variable, "") for variable in (READ_TOKEN, TOKEN)]
    return tuple(token for token in tokens if token) if tokens[0] else ()


def check_read(parameters: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> None:
    """As `check_change`, for reading. It needs a token only if one for reading is set, and takes either token."""
    check_token(parameters, reading(environment), "reading")


def check_token(parameters: Mapping[str, object], accepted: Collection[str], doing: str) -> None:
    """Let a request pass that carries one of the accepted tokens; if there is none, every request.

    Raises:
        AccessError: missing or wrong token.
    """
    if not accepted:
        return
    given = next((str(value) for name, value in parameters.items() if name.lower() == HEADER), "")
    if not given:
        raise AccessError(
            f"unauthorized: {doing} this catalog needs a token; send the header 'authorization: Bearer …'"
        )
    # All are compared, each in constant time, which does not tell how much of a token was right.
    right = [hmac.compare_digest(given.encode(), f"Bearer {token}".encode()) for token in accepted]
    if not any(right):
        raise AccessError("unauthorized: wrong token")
