"""Import this before anything that opens a gRPC channel in a process of Locust.

Locust's users are greenlets. gRPC waits in C, where gevent cannot see it: one request would hold up all users. gRPC's
own remedy must run after the import of locust, which patches the standard library, and before the first channel opens
(https://docs.locust.io/en/stable/testing-other-systems.html#grpc).
"""

import locust  # noqa: F401  patches the standard library
from grpc.experimental import gevent

gevent.init_gevent()
