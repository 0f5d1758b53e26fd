"""Checks whether the gateway of this machine answers, and the server behind it: `python -m web.healthcheck [PORT]`.

Exit status 1 where it does not. It takes any certificate, since it asks over loopback, for which there is none.
"""

import http.client
import ssl
import sys
from contextlib import closing

PORT = 8080
TIMEOUT = 5.0  # s, for each of the two ways


def healthy(port: int) -> bool:
    """Ask in plain text, else over TLS; the other way round, each check would be a warning in a plain gateway's log."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    ways = (
        http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT),
        http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=context),
    )
    return any(map(_answers, ways))


def _answers(connection: http.client.HTTPConnection) -> bool:
    with closing(connection):
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def main(argv: list[str]) -> int:
    """Command line."""
    port = int(argv[0]) if argv else PORT
    if healthy(port):
        return 0
    print(f"no healthy gateway on port {port}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
