"""TLS on the gRPC port: the server's certificate and, for mutual TLS, the authority of its clients."""

import contextlib
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

    def check(self) -> None:
        """Check the files.

        Raises:
            ServerError: a file cannot be read, the files do not belong together, or the certificate is not valid today.
        """
        self._check_valid(self._check_fit())

    def _check_fit(self) -> ssl.SSLContext:
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
            return context
        try:
            context.load_verify_locations(self.client_authority)
        except ssl.SSLError as error:
            raise ServerError(f"{self.client_authority} is no certificate of an authority, in PEM: {error}") from error
        return context

    def _check_valid(self, server: ssl.SSLContext) -> None:
        """Let a client that trusts this very certificate connect, in memory: it sees whether it is valid today."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        client.load_verify_locations(self.certificate)
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True))
        try:
            for end in ends * 2:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
        except ssl.SSLCertVerificationError as error:
            raise ServerError(f"{self.certificate}: {error.verify_message}") from error


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK) or not path.is_file():
        raise ServerError(f"cannot read the TLS file {path}")
    return path.resolve()
