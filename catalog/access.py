"""Who may change the catalog: whoever holds the token, where one is set."""

import hmac
import os
from collections.abc import Mapping

TOKEN_VARIABLE = "MINTMARK_TOKEN"
HEADER = "authorization"  # as a request parameter: Triton forwards it in the letters that the client wrote


class AccessError(PermissionError):
    """The request needs the token and brought none, or a wrong one."""


def check_token(parameters: Mapping[str, object], expected: str | None = None) -> None:
    """Let a change pass if no token is set or the request carries it as a bearer header.

    Args:
        parameters: of the request.
        expected: the token; None takes it from the environment, '' lets everything pass.

    Raises:
        AccessError: missing or wrong token. The message never holds either token.
    """
    expected = os.environ.get(TOKEN_VARIABLE, "") if expected is None else expected
    if not expected:
        return
    given = next((str(value) for name, value in parameters.items() if name.lower() == HEADER), "")
    if not given:
        raise AccessError(
            "unauthorized: changing this catalog needs a token; send the header 'authorization: Bearer …'"
        )
    if not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise AccessError("unauthorized: wrong token")
