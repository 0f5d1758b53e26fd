"""The server as a whole. Its servers end with its last test."""
