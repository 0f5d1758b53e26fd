"""Certificates for tests: two authorities, a server's and a client's certificate by the first, a stranger's."""

import shutil
import subprocess
from pathlib import Path

import pytest

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(folder: Path, days: int = 2) -> Path:
    """Write ca, server, client by `ca`, and other, stranger by `other`: NAME.pem and NAME.key. Returns the folder.

    Those of servers and clients are valid for so many days.
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificates, is not installed")
    for authority, names in (("ca", ("server", "client")), ("other", ("stranger",))):
        _openssl(folder, "req", "-x509", *_KEY, "-keyout", f"{authority}.key", *_out(authority), "-days", "2")
        for name in names:
            (folder / "san.ext").write_text("subjectAltName=IP:127.0.0.1,IP:127.0.0.2,DNS:localhost\n")
            _openssl(folder, "req", *_KEY, "-keyout", f"{name}.key", *_out(name, "csr"))
            signing = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", str(days))
            _openssl(
                *(folder, "x509", "-req", "-in", f"{name}.csr", *signing),
                *("-extfile", "san.ext", "-out", f"{name}.pem"),
            )
    return folder


def _out(name: str, suffix: str = "pem") -> tuple[str, ...]:
    return ("-out", f"{name}.{suffix}", "-subj", f"/CN={name}")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
