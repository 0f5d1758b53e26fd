"""A proxy before the gateway: who asks it, and over which scheme, is believed of known proxies alone."""

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FOR, _PROTO = "x-forwarded-for", "x-forwarded-proto"
_SOCKETS = {"http": "ws", "https": "wss"}


class Proxies:
    """Addresses of proxies.

    Args:
        networks: single addresses or networks, such as '10.0.0.2' or '10.0.0.0/24'.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [network_of(one) for one in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in one for one in self._networks)

    def asked_by(self, host: str, forwarded: str) -> str:
        """The last address that is no proxy's, from the header's end; anybody may write what stands before it.

        Args:
            host: that asks this gateway.
            forwarded: the header X-Forwarded-For, to which each proxy adds who asked it.
        """
        for hop in reversed(forwarded.split(",")):
            address = _address(_without_port(hop.strip()))
            if host not in self or address is None:
                break
            host = str(address)
        return host


def network_of(text: str) -> Network:
    """An address or a network. ValueError if it is none."""
    return ipaddress.ip_network(text, strict=False)


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class Forwarded:
    """Lets a request be that of who asked the proxy.

    Args:
        app: behind it.
        proxies: that are believed.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] in ("http", "websocket") and (scope.get("client") or ("",))[0] in self._proxies:
            headers = Headers(scope=scope)
            host = self._proxies.asked_by(scope["client"][0], ",".join(headers.getlist(_FOR)))
            proto = ",".join(headers.getlist(_PROTO)).rpartition(",")[2].strip().lower()
            if proto in _SOCKETS:
                scope = {**scope, "scheme": proto if scope["type"] == "http" else _SOCKETS[proto]}
            scope = {**scope, "client": (host, 0)}
        await self._app(scope, receive, send)
