"""The certificates that a container is told to speak TLS with."""

import os
from collections.abc import Mapping

from deploy.environment import SettingsError, read_path
from server import ServerError, Tls


def read_tls(environment: Mapping[str, str]) -> Tls | None:
    """Read MINTMARK_TLS_CERT_FILE, MINTMARK_TLS_KEY_FILE and MINTMARK_TLS_CLIENT_CA_FILE; None where none is set.

    Raises:
        SettingsError: one lacks another, a file cannot be read, or the files do not fit.
    """
    certificate = read_path(environment, "MINTMARK_TLS_CERT_FILE")
    key = read_path(environment, "MINTMARK_TLS_KEY_FILE")
    client_authority = read_path(environment, "MINTMARK_TLS_CLIENT_CA_FILE")
    if certificate is None and key is None and client_authority is None:
        return None
    if certificate is None or key is None:
        raise SettingsError(
            "MINTMARK_TLS_CERT_FILE and MINTMARK_TLS_KEY_FILE belong together, and MINTMARK_TLS_CLIENT_CA_FILE to them"
        )
    tls = Tls(certificate, key, client_authority)
    try:
        tls.options()
    except ServerError as error:
        raise SettingsError(f"{error} as user {os.getuid()}") from error
    return tls
