"""Starts the server and its gateway in the slim container: python -m deploy.slim.

Browsers reach the gateway alone, on every address; Triton and gRPC stay on loopback. Settings are environment
variables, see docs/deployment.md. Where no token is set, the first start makes one, in a file beside the catalog.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.command import EVERY_ADDRESS
from deploy.environment import SettingsError, read_path, read_secret, read_token, read_whole
from deploy.settings import CATALOG
from ensemble import variables
from server.__main__ import main as run

DATA = Path(CATALOG).parent  # a volume
TOKEN, LOG = "token", "server.log"  # in there


def read_secrets(environment: Mapping[str, str], data: Path = DATA) -> dict[str, str]:
    """All secrets by their variables, whether they are set or lie in files; the token is made where there is none.

    Raises:
        SettingsError: a file cannot be read, a header cannot carry a token, or the volume cannot be written.
    """
    found = {name: read_secret(environment, name) for name in variables.SECRETS}
    for name in (variables.TOKEN, variables.READ_TOKEN):
        read_token(environment, name)
    found[variables.TOKEN] = found[variables.TOKEN] or own_token(data / TOKEN)
    return {name: secret for name, secret in found.items() if secret}


def own_token(file: Path) -> str:
    """The token in a file that only this user may read; made where it is missing.

    Raises:
        SettingsError: the file can be neither read nor written.
    """
    try:
        if not file.exists():
            part = file.with_suffix(".part")
            part.touch(mode=0o600)
            part.write_text(secrets.token_urlsafe(32) + "\n")
            part.rename(file)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written as user {os.getuid()}: {error.strerror}") from error
    print(f"mintmark: the token to change the catalog is in {file}", file=sys.stderr, flush=True)
    return read_token({variables.TOKEN + variables.FILE: str(file)}, variables.TOKEN)


def command(environment: Mapping[str, str], data: Path = DATA) -> list[str]:
    """The words of `python -m server`. No secret is among them.

    Raises:
        SettingsError: a number is none, or one of certificate and key is missing.
    """
    words = ["--web-host", EVERY_ADDRESS, "--catalog", environment.get(variables.CATALOG) or CATALOG]
    words += ["--log", str(data / LOG), "--no-restart"]  # Docker starts the container again
    words += [word for name in environment.get(variables.WEB_NAME, "").split() for word in ("--web-name", name)]
    if environment.get(variables.CORES):
        words += ["--cores", str(read_whole(environment, variables.CORES, 1))]
    certificate, key = (read_path(environment, name) for name in (variables.TLS_CERT_FILE, variables.TLS_KEY_FILE))
    if (certificate is None) != (key is None):
        raise SettingsError(f"{variables.TLS_CERT_FILE} and {variables.TLS_KEY_FILE} belong together")
    return [*words, "--tls-cert", str(certificate), "--tls-key", str(key)] if certificate else words


def main() -> int:
    """Run until a signal stops it; 1 where the settings are wrong or the server fails."""
    try:
        words = command(os.environ)
        os.environ.update(read_secrets(os.environ))
    except SettingsError as error:
        print(f"mintmark: error: {error}", file=sys.stderr)
        return 1
    return run(words)


if __name__ == "__main__":
    sys.exit(main())
