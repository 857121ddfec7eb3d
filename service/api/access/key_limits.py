"""How much a key may ask: a bucket of requests that fills by the second, and how many may be answered at once."""

import math
import time
from collections.abc import Callable

from service.api.access.key_file import ApiKey
from service.api.problems import RateLimited


class KeyUse:
    """What of its limits one caller has used, in this process. Used in the event loop's thread alone.

    It outlives a change of the key's limits, and of the key: a caller gets nothing back by a new one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing used.

        Args:
            clock: seconds that never go back.
        """
        self._clock = clock
        self._left: float | None = None  # of the bucket; None while it is full
        self._at = 0.0
        self.running = 0

    def enter(self, key: ApiKey) -> None:
        """Take note of a request that is let in; ``leave`` follows once it is answered.

        Raises:
            RateLimited: if a limit of the key is reached; the request then counts for none.
        """
        if key.concurrent is not None and self.running >= key.concurrent:
            raise RateLimited(
                f"The key of {key.name} has {self.running} requests in work, and may have {key.concurrent}. Wait for "
                "an answer.",
                1,
            )
        if key.per_second is not None:
            self._take(key, key.per_second)
        self.running += 1

    def leave(self) -> None:
        """Take note that a request was answered."""
        self.running -= 1

    def _take(self, key: ApiKey, per_second: float) -> None:
        full = float(key.burst or max(1, math.ceil(per_second)))
        now = self._clock()
        left = full if self._left is None else min(full, self._left + (now - self._at) * per_second)
        self._at = now
        if left < 1:
            self._left = left
            seconds = max(1, math.ceil((1 - left) / per_second))
            raise RateLimited(
                f"The key of {key.name} may ask {per_second:g} times a second. Try again in {seconds} s.", seconds
            )
        self._left = left - 1
