"""How much a client may ask: rates, and requests at a time."""

import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from web.problems import Problem

MOST_CLIENTS = 10_000  # that are remembered; the one that asked longest ago is forgotten


def client_of(host: str) -> str:
    """The client at an address: of IPv6 a network of 64 bits, which is what one subscriber has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Bucket:
    """Tokens that come back at a steady rate, up to `burst`; each event takes one.

    Args:
        rate: events each second.
        burst: events at once.
        clock: seconds.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = float(burst), clock()

    def take(self) -> float:
        """Take a token: 0, or the seconds until there is one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0

    def give_back(self) -> None:
        """Let the last event not count."""
        self._left += 1


class Rate:
    """A bucket for each client.

    Args:
        what: is limited, for people.
        rate, burst, clock: of each bucket.
    """

    def __init__(self, what: str, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._rate, self._burst, self._clock = what, rate, burst, clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, client: str) -> None:
        """Count an event of a client.

        Raises:
            Problem: 429, it had too many.
        """
        bucket = self._buckets.setdefault(client, Bucket(self._rate, self._burst, self._clock))
        self._buckets.move_to_end(client)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if wait := bucket.take():
            retry = {"Retry-After": str(math.ceil(wait))}
            raise Problem(429, "too-many-requests", f"Too many {self._what}: try again later.", retry)

    def give_back(self, client: str) -> None:
        """Let the last event of a client not count."""
        if client in self._buckets:
            self._buckets[client].give_back()


class InFlight:
    """Counts what is under way, of each client and in all.

    Args:
        what: is counted, for people.
        of_one: the most of one client.
        of_all: the most in all.
    """

    def __init__(self, what: str, of_one: int, of_all: int) -> None:
        self._what, self._of_one, self._of_all = what, of_one, of_all
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def of(self, client: str) -> Iterator[None]:
        """Count one more of a client while the context lasts.

        Raises:
            Problem: 429 or 503, there are too many.
        """
        retry = {"Retry-After": "1"}
        if self._under_way[client] >= self._of_one:
            raise Problem(429, "too-many-requests", f"Too many {self._what} at a time: try again later.", retry)
        if self._under_way.total() >= self._of_all:
            raise Problem(503, "gateway-busy", f"The gateway has too many {self._what}: try again later.", retry)
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
