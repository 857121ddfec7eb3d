"""uvicorn's HTTP protocol with bounds on what arrives before an application sees it, and on what is left unread."""

import asyncio
import logging
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from service.api.problems import problem_response
from service.server.connections import Connections

logger = logging.getLogger(__name__)

# Requests that a client may send ahead of their answers.
_LONGEST_PIPELINE = 8
# What the framing of a chunked body may weigh beyond the body itself, in bytes.
_FRAMING = 64 * 1024
# For how long, and for how many bytes more, a refused client is listened to, so that it reads the refusal.
_LINGER_SECONDS = 1.0
_MOST_LEFT_OVER = 1024 * 1024


class _Refused(Exception):
    """The request is refused; raised within the parser, which then stops."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose headers are too slow, too large or too many, with an answer that says so.

    Trailers, headers that follow a chunked body, are dropped: nobody who checks headers has seen them. What a client
    does wrong is logged, under its address, but for the same message at most once a second (see ``service.telemetry``).
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = logging.getLogger("uvicorn.protocol")  # see service.telemetry: what clients do wrong is told here
        self._known = connections
        self._limits = connections.limits
        self._headers_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None
        self._is_refused = False
        self._left_over = 0
        self._refusal = (400, "invalid_request", "The request is not HTTP/1.1 as RFC 9112 defines it.")
        self._new_request()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it where all that are kept are at work."""
        super().connection_made(transport)
        if self._known.opened(self, transport.abort):
            self._expect_headers()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._known.closed(self)
        for timer in (self._headers_due, self._reading_due):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, within the limits."""
        if self._is_refused:
            self._left_over += len(data)
            if self._left_over > _MOST_LEFT_OVER:
                self.transport.abort()
            return
        if self._headers_due is None and not self._has_headers:
            self._expect_headers()
        self._raw_bytes += len(data)
        super().data_received(data)
        if self._is_refused or self.transport.is_closing():
            return
        if not self._has_headers and self._raw_bytes > self._limits.header_bytes:
            self._refuse(*_TOO_LARGE)
        elif self._raw_bytes - self._header_bytes > 2 * self._body_bytes + _FRAMING + len(data):
            self._refuse(400, "invalid_request", "The body's chunks are too small. Send larger ones.")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if len(self.pipeline) >= _LONGEST_PIPELINE:
            self._refusal = (400, "invalid_request", "Too many requests were sent ahead of their answers.")
            raise _Refused

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        self._weigh(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or pass a trailer over."""
        self._header_count += 1
        self._weigh(len(name) + len(value) + 4)
        if not self._has_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._has_headers = True
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None
        self._known.busy(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request: what comes next belongs to another."""
        super().on_message_complete()
        self._new_request()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless one is there already."""
        super().on_response_complete()
        if not self.pipeline:
            self._known.idle(self, self.transport.abort)

    def pause_writing(self) -> None:
        """Wait for a client that does not read, and not for ever."""
        super().pause_writing()
        self._reading_due = self.loop.call_later(self._limits.write_seconds, self._give_up, "unread")

    def resume_writing(self) -> None:
        """Go on."""
        if self._reading_due is not None:
            self._reading_due.cancel()
            self._reading_due = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also one whose client leaves the last answer unread."""
        if self.transport.get_write_buffer_size():
            self._give_up("unread")
        super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed, or that is refused while it is, and close the connection."""
        del msg
        self._refuse(*self._refusal)

    def _new_request(self) -> None:
        self._raw_bytes = self._header_bytes = self._header_count = self._body_bytes = 0
        self._has_headers = False

    def _expect_headers(self) -> None:
        self._headers_due = self.loop.call_later(self._limits.header_seconds, self._time_is_over)

    def _weigh(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > self._limits.header_bytes or self._header_count > self._limits.header_count:
            self._refusal = _TOO_LARGE
            raise _Refused

    def _time_is_over(self) -> None:
        self._headers_due = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._expect_headers()  # what came early belongs to the next request, and this one is answered first
        elif self._raw_bytes == 0:  # nobody is there to be told anything
            self._give_up("silent")
        else:
            self._refuse(408, "request_timeout", "The request's headers did not arrive in time. Send them at once.")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer, unless an answer is on its way already, and close the connection once the client had time to read."""
        logger.warning("refused before a request was complete: %s", code, extra={"client": self._address})
        self._known.count(code)
        if self.cycle is None or self.cycle.response_complete:
            answer = problem_response(status, code, detail)
            head = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in answer.raw_headers)]
            self.transport.write(b"".join([*head, b"connection: close\r\n\r\n", bytes(answer.body)]))
        # Closed at once, a socket with bytes that were not read resets the connection, and the answer is lost with it.
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _give_up(self, reason: str) -> None:
        self._known.count(reason)
        self.transport.abort()

    @property
    def _address(self) -> str | None:
        return self.client and self.client[0]


_TOO_LARGE = (431, "headers_too_large", "The request's headers are too large or too many. Send fewer and shorter ones.")
