"""The gateway for browsers and phones: HTTP and WebSockets before the gRPC server, as a client of it."""
