"""TLS on the gRPC port: the server's certificate and, for mutual TLS, who may connect."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from server.binary import ServerError

# Triton's HTTP port speaks no TLS, so what the certificate guards has to be closed there.
CLOSED_OVER_HTTP = (
    "inference",
    "shared-memory",
    "model-config",
    "model-repository",
    "statistics",
    "trace",
    "logging",
)
HTTP_KEY = "mintmark-key"  # header


@dataclass(frozen=True)
class Tls:
    """PEM files.

    Attributes:
        certificate: of the server, followed by those that lead to its authority.
        key: of the certificate.
        client_authority: certificate of the authority whose clients may connect; None lets all.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def options(self) -> dict[str, object]:
        """Triton's options for the gRPC port.

        Raises:
            ServerError: a file cannot be read, or they do not fit: Triton itself would load every model, then end and
                say that its socket is in use.
        """
        self._check_fit()
        options: dict[str, object] = {
            "grpc-use-ssl": 1,
            "grpc-server-cert": _readable(self.certificate),
            "grpc-server-key": _readable(self.key),
        }
        if self.client_authority is not None:
            options |= {"grpc-use-ssl-mutual": 1, "grpc-root-cert": _readable(self.client_authority)}
        return options

    def _check_fit(self) -> None:
        for path in filter(None, (self.certificate, self.key, self.client_authority)):
            _readable(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key, password="")  # without one, it asks at the terminal
        except ssl.SSLError as error:
            both = f"{self.certificate} and {self.key}"
            raise ServerError(
                f"{both} are no certificate and its key, in PEM and without a password: {error}"
            ) from error
        if self.client_authority is None:
            return
        try:
            context.load_verify_locations(self.client_authority)
        except ssl.SSLError as error:
            raise ServerError(f"{self.client_authority} is no certificate of an authority, in PEM: {error}") from error


def closed_http(key: str) -> dict[str, object]:
    """Triton's options that leave nothing open over HTTP but health and metadata, save to requests with the key."""
    return {"http-restricted-api": f"{','.join(CLOSED_OVER_HTTP)}:{HTTP_KEY}={key}"}


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK) or not path.is_file():
        raise ServerError(f"cannot read the TLS file {path}")
    return path.resolve()
