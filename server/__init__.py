"""Triton on this machine, without a container: the `tritonserver` binary of a PyPI wheel and the CPU backends."""

from server.binary import ServerError
from server.embedded import EmbeddedServer, Ports
from server.tls import Tls

__all__ = ["EmbeddedServer", "Ports", "ServerError", "Tls"]
