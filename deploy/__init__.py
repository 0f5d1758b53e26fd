"""The server in a container: what its image, its start and its health check do."""
