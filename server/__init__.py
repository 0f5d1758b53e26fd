"""Runs Triton on this machine without a container: the `tritonserver` of a PyPI wheel, with the project's backends."""

from server.embedded import EmbeddedServer
from server.launch import Ports
from server.tls import Tls
from server.wheel import ServerError

__all__ = ["EmbeddedServer", "Ports", "ServerError", "Tls"]
