"""TLS on the gRPC port: the server's certificate and, for mutual TLS, the authority of its clients."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from server.wheel import ServerError


@dataclass(frozen=True)
class Tls:
    """Files in PEM format.

    Attributes:
        certificate: of the server, followed by the chain to its authority.
        key: of the certificate.
        client_authority: certificate of the authority whose clients may connect; None lets everyone connect.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def options(self) -> dict[str, object]:
        """Triton's options for the gRPC port.

        Raises:
            ServerError: a file cannot be read, or the files do not belong together. Triton itself would load every
                model first, then end with the message that its socket is in use.
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
            # Without a password here, OpenSSL asks for one at the terminal.
            context.load_cert_chain(self.certificate, self.key, password="")
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


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK) or not path.is_file():
        raise ServerError(f"cannot read the TLS file {path}")
    return path.resolve()
