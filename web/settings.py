"""What the gateway is told, and what one client may cost it."""

from dataclasses import dataclass

NUMBER_BYTES = 4  # the number of a camera frame, before its JPEG
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")  # names as they stand in the header Host


@dataclass(frozen=True)
class Settings:
    """Names and limits. A client is an address; of IPv6, its network of 64 bits.

    Attributes:
        names: by which the gateway is asked, besides those of loopback, without a port.
        tls: whether it is asked over TLS: then its cookie goes over TLS alone.
        photo_bytes: of a photo's file.
        table_bytes: of a table.
        text_bytes: of a JSON body, or of what is said beside photos.
        held_bytes: of all bodies together that are being received or answered.
        body_seconds: in which a body must have arrived.
        head_seconds: in which the head of a request must have arrived.
        connections: of one client; `all_connections` of all.
        in_flight: requests of one client at a time; `all_in_flight` of all.
        threads: requests that are with the server at a time.
        requests: of one client, each second, for a while `request_burst`.
        logins: with wrong tokens of one client, each minute, and at once.
        sessions: in memory; the one that was used longest ago makes room.
        session_seconds: from the login on.
        role_seconds: for which the server is not asked again what a token may do.
        sockets: of one client; `all_sockets` of all.
        frame_bytes: of one camera frame.
        frames: of one socket, each second; more close it.
        frame_seconds: that a frame may be with the server; then it is given up, and the next one goes.
        silent_seconds: after which a socket that sends nothing is closed.
    """

    names: tuple[str, ...] = ()
    tls: bool = False
    photo_bytes: int = 32_000_000
    table_bytes: int = 4_000_000
    text_bytes: int = 64_000
    held_bytes: int = 512_000_000
    body_seconds: float = 60.0
    head_seconds: float = 10.0
    connections: int = 32
    all_connections: int = 512
    in_flight: int = 8
    all_in_flight: int = 64
    threads: int = 16
    requests: float = 50.0
    request_burst: int = 300
    logins: int = 5
    sessions: int = 1000
    session_seconds: float = 12 * 3600.0
    role_seconds: float = 30.0
    sockets: int = 4
    all_sockets: int = 64
    frame_bytes: int = 2_000_000
    frames: float = 30.0
    frame_seconds: float = 5.0
    silent_seconds: float = 60.0

    @property
    def upload_bytes(self) -> int:
        """Bytes of the largest body: two photos, and what is said beside them."""
        return 2 * self.photo_bytes + self.text_bytes
