"""By which addresses and names other machines of the network reach this one."""

import fcntl
import ipaddress
import re
import socket
import struct

LOOPBACK = ("127.0.0.1", "localhost")
_ADDRESS_OF = 0x8915  # SIOCGIFADDR
_ELSEWHERE = ("192.0.2.1", 9)  # nobody's address (RFC 5737); no packet is sent
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


def addresses() -> list[str]:
    """The IPv4 addresses of this machine but loopback's; first the one by which it reaches others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        found = [address for _, name in socket.if_nameindex() if (address := _address_of(probe, name))]
        try:
            probe.connect(_ELSEWHERE)
            found.insert(0, probe.getsockname()[0])
        except OSError:  # no network
            pass
    return [one for one in dict.fromkeys(found) if not ipaddress.ip_address(one).is_loopback]


def names() -> list[str]:
    """The names of this machine: its own, and the one that a network without a name server knows (mDNS)."""
    own = socket.gethostname().lower().rstrip(".")
    both = (own, f"{own.partition('.')[0]}.local")
    return [one for one in dict.fromkeys(both) if _NAME.fullmatch(one) and one not in LOOPBACK]


def _address_of(probe: socket.socket, interface: str) -> str:
    """The address of an interface; '' if it has none."""
    try:
        answer = fcntl.ioctl(probe.fileno(), _ADDRESS_OF, struct.pack("256s", interface.encode()[:15]))
    except OSError:
        return ""
    return socket.inet_ntoa(answer[20:24])
