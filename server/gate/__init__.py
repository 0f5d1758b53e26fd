"""The gate before Triton: the only processes that the network reaches.

Triton listens on Unix sockets in a folder of its own, which no other user can open. The gate takes what clients need,
health, metadata and inference, refuses requests that no model could refuse in time, and passes on the rest as it is.
"""
