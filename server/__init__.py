"""Triton on this machine, without a container: the `tritonserver` binary of a PyPI wheel and the CPU backends."""

from server.binary import ServerError
from server.embedded import EmbeddedServer, Ports

__all__ = ["EmbeddedServer", "Ports", "ServerError"]
