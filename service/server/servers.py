"""The HTTP servers of one service: the main one, and one for the inside where that has a port of its own."""

import asyncio
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from service.api.state import Readiness
from service.server.certificates import ServerCertificate
from service.server.connections import ConnectionLimits, Connections, connection_limits
from service.server.protocol import BoundedProtocol
from service.settings import Settings
from service.telemetry import Metrics

# Orchestrators kill 30 seconds after they asked; a client that stalls in its upload would hold the server until then.
_SHUTDOWN_SECONDS = 25
_MOST_INSIDE = 64
# Longer than proxies keep theirs (60 s as a rule): they would else send a request just as the connection is closed.
_KEEP_ALIVE_SECONDS = 75


class ImpatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers wait for a TLS handshake no longer than for headers; asyncio's wait a minute."""

    def __init__(self, handshake_seconds: float) -> None:
        super().__init__()
        self._handshake_seconds = handshake_seconds

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:
        """Return a server, as asyncio does."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", self._handshake_seconds)
        return await super().create_server(*arguments, **options)


class NotListening(Exception):
    """A server could not open its port; uvicorn logged why."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.port = port


async def run_servers(
    app: FastAPI, settings: Settings, metrics: Metrics, certificate: ServerCertificate | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then drain, finish what runs, and return.

    Args:
        app: as ``create_app`` made it.
        settings: address, ports, what connections may cost and how long to drain.
        metrics: where connections are counted.
        certificate: to show; None for HTTP in the clear.

    Raises:
        NotListening: if a port cannot be opened.
    """
    limits = connection_limits(settings.max_connections, settings.header_seconds)
    has_inside = app.state.inside is not None
    # The inside's own: whoever fills the main port does not lock the administrators and Prometheus out.
    inside = replace(limits, most=max(1, min(_MOST_INSIDE, limits.most // 4)))
    if has_inside:
        limits = replace(limits, most=max(1, limits.most - inside.most))
    watching = None if certificate is None else asyncio.create_task(certificate.watch())
    try:
        await _run(app, settings, metrics, limits, inside, certificate)
    finally:
        if watching is not None:
            watching.cancel()


async def _run(
    app: FastAPI,
    settings: Settings,
    metrics: Metrics,
    limits: ConnectionLimits,
    inside: ConnectionLimits,
    certificate: ServerCertificate | None,
) -> None:
    # On the inside nobody is asked for a certificate: probes and Prometheus have none, and administrators have tokens.
    of_main = None if certificate is None else certificate.context(asks_clients=True)
    of_inside = None if certificate is None else certificate.context(asks_clients=False)
    main = _MainServer(
        server_config(app, settings, settings.port, Connections(limits, "main", metrics), of_main),
        app.state.readiness,
        settings.drain_seconds,
    )
    if app.state.inside is None:
        await _serve(main)
        return
    assert settings.admin_port is not None  # noqa: S101  (else there is no application of its own)
    second = _SecondServer(
        server_config(
            app.state.inside, settings, settings.admin_port, Connections(inside, "inside", metrics), of_inside
        )
    )
    serving = asyncio.create_task(_serve(main))
    while not (main.started or serving.done()):
        await asyncio.sleep(0.01)
    tasks = [serving] if serving.done() else [serving, asyncio.create_task(_serve(second))]
    # Whichever ends first, because it was told to or because it has no port, ends the other.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    main.should_exit = second.should_exit = True
    for failure in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(failure, BaseException):
            raise failure


def server_config(
    app: FastAPI, settings: Settings, port: int, connections: Connections, tls: ssl.SSLContext | None = None
) -> uvicorn.Config:
    """Return how one port is served, its connections bounded; by TLS where there is a context of it."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        # uvicorn calls it and asks no more of it than a class would do.
        http=partial(BoundedProtocol, connections=connections),  # type: ignore[arg-type]
        ws="none",
        ssl_context_factory=None if tls is None else lambda *_: tls,
        backlog=connections.limits.backlog,
        log_config=None,
        access_log=False,
        # Who asks is who connected: a client may write any address into a header, and guess tokens under each.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


async def _serve(server: uvicorn.Server) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # by which uvicorn says that it did not start
        raise NotListening(server.config.port) from error


class _MainServer(uvicorn.Server):
    """Drains before it stops: for a while it answers, and says that it is not ready for more."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_seconds: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_seconds = drain_seconds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture them, and end without raising them again: the other server has still to stop."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to drain at the first SIGTERM; anything after it, or Ctrl-C, stops at once."""
        if sig != signal.SIGTERM or self._drain_seconds == 0 or self._readiness.is_draining:
            self._readiness.drain()
            super().handle_exit(sig, frame)
            return
        self._readiness.drain()
        loop = asyncio.get_running_loop()
        loop.call_later(self._drain_seconds, super().handle_exit, sig, frame)


class _SecondServer(uvicorn.Server):
    """Stops when it is told to by the main one; signals are the main one's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
