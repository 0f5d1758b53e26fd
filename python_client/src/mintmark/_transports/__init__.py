"""How requests reach a server: one interface, Triton over gRPC, and a fake for tests."""
