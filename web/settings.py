"""What the gateway is told, and what one client may cost it."""

from dataclasses import Field, dataclass, field, fields
from typing import Any

NUMBER_BYTES = 4  # the number of a camera frame, before its JPEG
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")  # names as they stand in the header Host


def _limit(default: float, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Settings:
    """Names and limits; docs/web.md has the same. A client is an address; of IPv6, its network of 64 bits.

    Attributes:
        names: by which the gateway is asked, besides those of loopback, without a port.
        proxies: addresses or networks of those that say whom they ask for.
    """

    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    photo_bytes: int = _limit(32_000_000, "bytes of a photo's file")
    table_bytes: int = _limit(4_000_000, "bytes of a table")
    text_bytes: int = _limit(64_000, "bytes of a JSON body, or of what is said beside photos")
    held_bytes: int = _limit(512_000_000, "bytes of all bodies together that are received or answered")
    body_seconds: float = _limit(60.0, "s in which a body must have arrived")
    head_seconds: float = _limit(10.0, "s in which the head of a request must have arrived")
    unread_seconds: float = _limit(60.0, "s for which a client may leave an answer unread")
    connections: int = _limit(32, "connections of one client")
    all_connections: int = _limit(512, "connections in all")
    in_flight: int = _limit(8, "requests of one client at a time")
    all_in_flight: int = _limit(64, "requests in all at a time")
    threads: int = _limit(16, "requests that are with the server at a time")
    requests: float = _limit(50.0, "requests of one client a second")
    request_burst: int = _limit(300, "requests of one client at once")
    files: float = _limit(200.0, "files of the page for one client a second")
    file_burst: int = _limit(5000, "files of the page for one client at once; who opens it first needs a hundred")
    logins: int = _limit(5, "logins with a wrong token of one client a minute")
    sessions: int = _limit(1000, "sessions; the one that was used longest ago makes room")
    session_seconds: float = _limit(12 * 3600.0, "s from the login to the session's end")
    role_seconds: float = _limit(30.0, "s for which the server is not asked again what a token may do")
    sockets: int = _limit(4, "sockets of one client")
    all_sockets: int = _limit(64, "sockets in all")
    frame_bytes: int = _limit(2_000_000, "bytes of a camera frame")
    frames: float = _limit(30.0, "frames of one socket a second")
    frame_seconds: float = _limit(5.0, "s that a frame may be with the server")
    silent_seconds: float = _limit(60.0, "s after which a socket that sends nothing is closed")

    @property
    def upload_bytes(self) -> int:
        """Bytes of the largest body: two photos, and what is said beside them."""
        return 2 * self.photo_bytes + self.text_bytes


def limits() -> list["Field[Any]"]:
    """The limits, each with its default, and what it bounds as `metadata["doc"]`."""
    return [one for one in fields(Settings) if "doc" in one.metadata]
