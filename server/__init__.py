"""Triton on this machine, without a container: the `tritonserver` binary of a PyPI wheel and the CPU backends."""

from server.embedded import EmbeddedServer, Ports, ServerError

__all__ = ["EmbeddedServer", "Ports", "ServerError"]
