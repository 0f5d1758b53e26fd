"""How a connection is encrypted, and how server and client prove who they are."""

import os
from dataclasses import dataclass

from mintmark._errors import InvalidRequest

File = str | os.PathLike[str]

_PEM = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of an encrypted connection: paths to PEM files.

    `ca`: authorities that may have signed the server's certificate; the system's if None. `cert` and `key`, given
    together: the client's own certificate, for a server that checks its clients (mutual TLS).
    """

    ca: File | None = None
    cert: File | None = None
    key: File | None = None

    def checked(self) -> dict[str, str | None]:
        """The paths as arguments of Triton's client. InvalidRequest if a file is missing or is not PEM."""
        if (self.cert is None) != (self.key is None):
            given, lacking = ("certificate", "key") if self.key is None else ("key", "certificate")
            raise InvalidRequest(f"a client {given} without its {lacking}: mutual TLS needs both")
        return {
            "root_certificates": _pem("CA certificate", self.ca),
            "certificate_chain": _pem("client certificate", self.cert),
            "private_key": _pem("client key", self.key),
        }


def _pem(what: str, file: File | None) -> str | None:
    """The path, if the file is readable PEM. An error never shows the file's content: it may be a secret."""
    if file is None:
        return None
    path = os.fspath(file)
    try:
        with open(path, "rb") as opened:
            content = opened.read()
    except OSError as error:
        raise InvalidRequest(f"cannot open the {what} {path}: {error.strerror or error}") from error
    if _PEM not in content:
        raise InvalidRequest(f"the {what} {path} is not a PEM file: it lacks a line -----BEGIN …-----")
    return path
