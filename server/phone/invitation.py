"""What a phone needs to come in: an address, a certificate, a token; and what people are told."""

import importlib.util
import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ensemble.access import changing, reading
from ensemble.variables import READ_TOKEN, TOKEN
from server.gateway import Web
from server.phone.addresses import LOOPBACK, addresses, names
from server.wheel import ServerError

PORT = 8443
FOLDER = Path("data/phone")
EVERY_ADDRESS = "0.0.0.0"
_PACKAGES = ("cryptography", "segno")


@dataclass(frozen=True)
class Invitation:
    """A phone is let in.

    Attributes:
        web: how it asks.
        address: of this machine in the network.
        token: that the link carries; '' where the operator has set tokens, whose rules then hold.
        tokens: of the server, by the variables that set them.
        fingerprint: of the certificate.
    """

    web: Web
    address: str
    token: str = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)
    fingerprint: str

    def link(self, port: int) -> str:
        """What the phone opens. The part after # stays in the phone: its page logs in with it."""
        return f"https://{self.address}:{port}/" + (f"#token={self.token}" if self.token else "")

    def text(self, port: int) -> str:
        """The code to scan, the link, and what the phone will ask."""
        import segno

        code = io.StringIO()
        segno.make(self.link(port), error="l", micro=False).terminal(code, border=2, compact=True)
        lines = [
            f"phone: {self.link(port)}",
            f"It warns of the certificate. Look at the details: SHA-256 must be {self.fingerprint}",
            f"No warning comes where the phone trusts {FOLDER / 'authority.pem'}, an authority for your network alone.",
            "Then it asks for the camera. Whoever has the link may change the catalog.",
        ]
        if self.token:
            lines.append(f"On this machine, mintmark needs: export {TOKEN}={self.token}")
        else:
            lines[-1] = "Then it asks for the camera, and for one of the tokens that are set."
        return code.getvalue() + "\n".join(lines)


def invite(environment: Mapping[str, str], port: int = PORT, folder: Path = FOLDER) -> Invitation:
    """Make what a phone needs.

    Args:
        environment: in which the operator may have set tokens.
        port: 0 picks a free one.
        folder: for the certificates.

    Raises:
        ServerError: a package is missing, or the folder cannot be written.
    """
    if missing := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        raise ServerError(f"--phone needs {', '.join(missing)}: install requirements/serve.txt")
    from server.phone.certificates import certificate_of, fingerprint

    found = addresses()
    every = [*found, *LOOPBACK, *names()]
    try:
        tls = certificate_of(folder, every)
    except OSError as error:
        raise ServerError(f"the certificate cannot be kept in {folder}: {error.strerror}") from error
    own = not (changing(environment) or reading(environment))
    token = secrets.token_urlsafe(16) if own else ""
    # The token to read is nobody's: who has none may not even look.
    tokens = {TOKEN: token, READ_TOKEN: secrets.token_urlsafe(16)} if own else {}
    web = Web(EVERY_ADDRESS, port, [one for one in every if one not in LOOPBACK], tls)
    return Invitation(web, (found or LOOPBACK)[0], token, tokens, fingerprint(tls.certificate))
