"""A long load, and the server's memory meanwhile."""
