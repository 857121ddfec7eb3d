"""JSON logs, one object a line, each with the id of the request it belongs to."""

import logging
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from service.redaction import redacted

# At debug they log what a photograph's file says of itself (place, names, comments) and the form that brought it.
_TELL_TALES = ("PIL", "python_multipart")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request that the current task serves, None outside one."""


class TraceOfRequest(NamedTuple):
    """The trace that a request is a part of."""

    trace_id: str
    is_sampled: bool


trace_of_request: ContextVar[TraceOfRequest | None] = ContextVar("trace_of_request", default=None)
"""Of the request that the current task serves; None where no traces are asked for."""

POLLED = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/metrics"})
"""Paths that are asked every few seconds for ever: they would bury what somebody asked for."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
"""What may be told of a request's method; any other is a caller's own text."""

_told: ContextVar[dict[str, Any] | None] = ContextVar("told", default=None)


@contextmanager
def access_line() -> Iterator[dict[str, Any]]:
    """Give what the log line of a request says besides; ``tell`` adds to it wherever the request is worked on."""
    told: dict[str, Any] = {}
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


def tell(**fields: Any) -> None:
    """Say something in the log line of the request that the current task serves; outside one, nothing.

    Of a caller's own text only what was found in a closed list may be told.
    """
    told = _told.get()
    if told is not None:
        told.update(fields)


caller: ContextVar[str | None] = ContextVar("caller", default=None)
"""Name of the key of whoever sent that request; None where no key is asked for."""


class _Formatter(JsonFormatter):
    """Shows no secret of a URL, whoever logs it, in tracebacks as in messages."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return what is logged of a record."""
        return {name: redacted(value) if isinstance(value, str) else value for name, value in log_data.items()}


class _RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        trace = trace_of_request.get()
        if trace is not None:
            record.trace_id = trace.trace_id
        return True


# What they say of connections, a stranger can have them say as often as he likes.
_OFTEN = ("asyncio", "uvicorn", "service.server")


class _OncePerSecond(logging.Filter):
    """Passes a message of a logger that strangers can make talk once a second, and counts what it held back.

    Messages are the same if they are before their arguments are filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._next: dict[tuple[str, str], float] = {}
        self._held_back: defaultdict[tuple[str, str], int] = defaultdict(int)

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_OFTEN):
            return True
        # asyncio's texts name the socket; their first words tell the kind.
        kind = record.name, str(record.msg)[:40]
        with self._turn:
            now = time.monotonic()
            if now < self._next.get(kind, 0.0):
                self._held_back[kind] += 1
                return False
            self._next[kind] = now + 1.0
            held_back = self._held_back.pop(kind, 0)
        if held_back:
            record.held_back = held_back
        return True


def configure_logging(level: str) -> None:
    """Send every log record of this process, and every Python warning, to standard error as JSON.

    Args:
        level: "debug", "info", "warning" or "error".
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OncePerSecond())
    handler.addFilter(_RequestIdFilter())
    handler.setFormatter(
        _Formatter(
            "{levelname}{name}{message}{request_id}",
            style="{",
            timestamp="time",  # in UTC, with its offset
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's, with escape codes
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    # Pillow warns of files that are odd but sound.
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TELL_TALES:
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))
    # It warns of every request that is not HTTP, which service.server tells with the client's address.
    logging.getLogger("uvicorn.protocol").setLevel(logging.ERROR)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
