"""Why a server cannot be reached, and what to do: gRPC's own words are for programmers of gRPC."""

# What gRPC's message holds, and what it means to who called.
_REASONS = (
    ("Connection refused", "nothing listens there; if it is this machine's server, start it: make serve"),
    ("hostname lookup", "no machine is known by this name"),
    ("resolving", "no machine is known by this name"),
    ("Expected SETTINGS frame", "this port does not speak gRPC; HTTP and metrics have ports of their own"),
    ("WRONG_VERSION_NUMBER", "this port does not speak TLS: leave out --tls and the certificates (in Python: tls)"),
    ("CERTIFICATE_VERIFY_FAILED", "no trusted authority has signed its certificate: name the one that has, --tls-ca"),
    ("Hostname Verification", "its certificate is for another name than this address"),
    ("security handshaker", "the client's certificate and key do not belong together"),
    (
        "Socket closed",
        "it closed the connection; if it always does, it wants TLS (--tls), or a client's certificate (--tls-cert)",
    ),
    ("Connection timed out", "nothing answers there; is the address right, and the machine on?"),
    ("No route to host", "no way leads there; is the address right, and the machine on?"),
    ("Network is unreachable", "no way leads there; is this machine connected?"),
)
_NO_SERVER = ("Method not found", "http2 header with status")


def reason(message: str) -> str:
    """Why gRPC found a server to be unavailable, from its message; the message itself where it is not known."""
    return next((words for sign, words in _REASONS if sign in message), message)


def is_no_server(message: str) -> bool:
    """Whether what answered a call speaks gRPC, or HTTP, but is no Triton server."""
    return any(sign in message for sign in _NO_SERVER)
