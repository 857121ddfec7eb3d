"""Slowing down who tries tokens: after a few wrong ones, a client's address has to wait, longer each time."""

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

_FREE = 5
_LONGEST_WAIT = 60.0
_REMEMBERED_SECONDS = 900.0
# Of so many addresses, the oldest is forgotten for a new one: some 300 bytes each.
_MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _Wrong:
    count: int
    until: float


class Attempts:
    """Counts wrong tokens by the client's address. Never waits itself; safe to use from several threads.

    The first few are free; each further one doubles the time until that address is listened to again, from 1 second to
    60. A right token does not shorten it: it would tell a guesser. What is quiet for a quarter of an hour is forgotten.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nobody known.

        Args:
            clock: seconds that never go back.
        """
        self._clock = clock
        self._turn = threading.Lock()
        self._wrong: TTLCache[str, _Wrong] = TTLCache(_MOST_ADDRESSES, _REMEMBERED_SECONDS, timer=clock)

    def wait(self, address: str) -> int:
        """Return the seconds until an address is listened to again; 0 for now."""
        with self._turn:
            found = self._wrong.get(_network(address))
            return 0 if found is None else max(0, math.ceil(found.until - self._clock()))

    def count(self, address: str) -> int:
        """Take note of a wrong token from an address; return how many there were lately."""
        with self._turn:
            key = _network(address)
            count = 1 + (self._wrong[key].count if key in self._wrong else 0)
            wait = min(_LONGEST_WAIT, 2.0 ** min(count - _FREE, 10)) if count >= _FREE else 0.0
            self._wrong[key] = _Wrong(count, self._clock() + wait)
            return count


def _network(address: str) -> str:
    """Return what stands for one client: an IPv4 address, or the /64 of an IPv6 one, of which each has very many."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
