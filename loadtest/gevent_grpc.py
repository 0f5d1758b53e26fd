"""Import this before anything that opens a gRPC channel in a process of Locust.

Locust's users are greenlets, and gRPC waits in C, where gevent cannot see it: one request would hold up all users.
gRPC's own remedy must come after the standard library has been patched, which the import of locust does, and before
the first channel (https://docs.locust.io/en/stable/testing-other-systems.html#grpc).
"""

import locust  # noqa: F401  patches the standard library
from grpc.experimental import gevent

gevent.init_gevent()
