"""How many connections a server keeps, and which of them goes when there are too many."""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass

from service.telemetry import Metrics

# For what the process opens beside connections: models, logs, the store, threads' pipes.
_RESERVED = 32
# A connection that was taken is closed two turns of the loop later at the soonest, and each turn may take as many as
# the backlog says.
_TURNS = 4
_LONGEST_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may cost.

    Attributes:
        most: connections at the same time.
        header_seconds: from a connection's start, or the first byte of its next request, to complete headers.
        header_bytes: of a request's target and headers together.
        header_count: headers of one request.
        write_seconds: for which a client may leave an answer unread that no longer fits the buffers.
        backlog: connections that the system holds until they are taken, and that are taken at a time.
    """

    most: int
    header_seconds: float
    header_bytes: int = 32 * 1024
    header_count: int = 100
    write_seconds: float = 30.0
    backlog: int = _LONGEST_BACKLOG


def connection_limits(most: int, header_seconds: float) -> ConnectionLimits:
    """Return limits that the descriptors of this process allow, which are raised to what the system lets them be.

    Args:
        most: connections wanted at the same time.
        header_seconds: as ``ConnectionLimits`` says.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * most + 2 * _LONGEST_BACKLOG
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    # Half for those that are kept, half for those that are taken only to be closed.
    spare = max(2, (wanted if soft == resource.RLIM_INFINITY else soft) - _RESERVED)
    kept = max(1, min(most, spare // 2))
    backlog = max(1, min(_LONGEST_BACKLOG, (spare - kept) // _TURNS))
    return ConnectionLimits(most=kept, header_seconds=header_seconds, backlog=backlog)


class Connections:
    """Knows the connections of a server, and makes room for a new one by closing the one idle for longest.

    A connection is idle until its request's headers are complete, and again once that is answered. Used in the event
    loop's thread alone.
    """

    def __init__(self, limits: ConnectionLimits, port: str, metrics: Metrics) -> None:
        """Start with none.

        Args:
            limits: what they may cost.
            port: which of the service's ports they come to, as metrics name it.
            metrics: where they are counted.
        """
        self.limits = limits
        self._open = metrics.connections.labels(port)
        self._closed = metrics.connections_closed
        self._idle: dict[asyncio.BaseProtocol, Callable[[], None]] = {}  # in the order in which they became so
        self._busy: set[asyncio.BaseProtocol] = set()

    def opened(self, connection: asyncio.BaseProtocol, close: Callable[[], None]) -> bool:
        """Take a new connection; return whether there is room for it.

        Args:
            connection: the new one.
            close: closes it at once.
        """
        if len(self._idle) + len(self._busy) >= self.limits.most:
            if not self._idle:
                self.count("refused")
                return False
            longest = next(iter(self._idle))
            self.count("displaced")
            self._idle.pop(longest)()
        self._idle[connection] = close
        self._open.set(len(self._idle) + len(self._busy))
        return True

    def busy(self, connection: asyncio.BaseProtocol) -> None:
        """Note that a connection's request began: it is left alone until it is answered."""
        if self._idle.pop(connection, None) is not None:
            self._busy.add(connection)

    def idle(self, connection: asyncio.BaseProtocol, close: Callable[[], None]) -> None:
        """Note that a connection's request was answered."""
        if connection in self._busy:
            self._busy.discard(connection)
            self._idle[connection] = close

    def closed(self, connection: asyncio.BaseProtocol) -> None:
        """Forget a connection."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)
        self._open.set(len(self._idle) + len(self._busy))

    def count(self, reason: str) -> None:
        """Count a connection that the server closed of its own accord."""
        self._closed.labels(reason).inc()
