"""A local authority and the certificate that it gives this machine, kept in a folder that its owner alone reads.

The authority can vouch for private addresses, for `.local` and for this machine's own names and addresses, and for
nothing else. So a phone that trusts it need not fear for the rest of the web.
"""

import datetime
import ipaddress
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.tls import Tls

AUTHORITY_DAYS, DAYS = 3650, 397  # phones refuse servers' certificates that are valid for much longer
LEFT_DAYS = 30  # with fewer left, it is made anew
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")
_SLACK = datetime.timedelta(days=1)  # clocks differ

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate_of(folder: Path, names: Sequence[str]) -> Tls:
    """A certificate for these addresses and names, which is kept in a folder and made anew where it does not fit.

    Args:
        folder: of `authority.pem`, `server.pem` and their keys; made where it is missing.
        names: of this machine.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _kept(folder, "authority")
    if authority is None or not _lasts(authority[0]) or not _may_vouch(authority[0], names):
        authority = _new_authority(names)
        _keep(folder, "authority", authority)
    server = _kept(folder, "server")
    if server is None or not (_lasts(server[0]) and set(names) <= names_of(server[0]) and _signed(server, authority)):
        _keep(folder, "server", _new_server(names, authority), authority[0])
    return Tls(folder / "server.pem", folder / "server.key")


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of a file, in hex with colons, as browsers show it."""
    digest = x509.load_pem_x509_certificates(certificate.read_bytes())[0].fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def names_of(certificate: x509.Certificate) -> set[str]:
    """The addresses and names that a certificate is for."""
    said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in said}


def _kept(folder: Path, name: str) -> Pair | None:
    """A certificate with its key; None if there is none that can be read."""
    try:
        certificates = x509.load_pem_x509_certificates((folder / f"{name}.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    fits = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificates[0].public_key()
    return (certificates[0], key) if fits else None  # type: ignore[return-value]


def _keep(folder: Path, name: str, made: Pair, *chain: x509.Certificate) -> None:
    """Write a certificate and its key; whoever reads meanwhile finds the old ones."""
    key = made[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificates = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (made[0], *chain))
    for path, content in ((folder / f"{name}.key", key), (folder / f"{name}.pem", certificates)):
        new = path.with_suffix(f"{path.suffix}.new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        new.replace(path)


def _lasts(certificate: x509.Certificate) -> bool:
    left = certificate.not_valid_after_utc - _now()
    return certificate.not_valid_before_utc <= _now() and left > datetime.timedelta(days=LEFT_DAYS)


def _signed(server: Pair, authority: Pair) -> bool:
    try:
        server[0].verify_directly_issued_by(authority[0])
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _may_vouch(authority: x509.Certificate, names: Collection[str]) -> bool:
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    networks = [ipaddress.ip_network(str(one.value)) for one in permitted if isinstance(one, x509.IPAddress)]
    domains = [one.value for one in permitted if isinstance(one, x509.DNSName)]

    def may(one: str) -> bool:
        try:
            address = ipaddress.ip_address(one)
        except ValueError:
            return any(one == domain or one.endswith(f".{domain}") for domain in domains)
        return any(address in network for network in networks)

    return all(map(may, names))


def _new_authority(names: Sequence[str]) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"Mintmark on {names[-1]}")
    said = _alternatives(names)
    networks = [ipaddress.ip_network(one) for one in _PRIVATE]
    networks += [ipaddress.ip_network(one.value) for one in said if isinstance(one, x509.IPAddress)]
    domains = ["local", *(one.value for one in said if isinstance(one, x509.DNSName))]
    permitted = [*map(x509.IPAddress, networks), *map(x509.DNSName, domains)]
    usage = {name: name in ("key_cert_sign", "crl_sign") for name in _USAGES}
    made = (
        _begun(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return made.sign(key, hashes.SHA256()), key


def _new_server(names: Sequence[str], authority: Pair) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority[0].subject
    made = (
        _begun(_named("Mintmark"), issuer, key.public_key(), DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{name: name == "digital_signature" for name in _USAGES}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority[1].public_key()), critical=False)
    )
    return made.sign(authority[1], hashes.SHA256()), key


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - _SLACK)
        .not_valid_after(_now() + datetime.timedelta(days=days) - _SLACK)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(one) for one in names]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
