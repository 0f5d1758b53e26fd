"""The server in a container: the checks of its image, its start, its health check."""
