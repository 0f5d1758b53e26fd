"""Where traces go: the collector's address, as server, gateway and container take it."""

from urllib.parse import urlsplit

TRACES_PATH = "/v1/traces"  # of a collector (OTLP over HTTP)


def collector(text: str) -> str:
    """The address of an OpenTelemetry collector, without a path and a slash at its end.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"{text!r} is no address of a collector, such as http://localhost:4318")
    return text.rstrip("/")
