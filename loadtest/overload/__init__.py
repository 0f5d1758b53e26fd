"""More load than the server can answer."""
