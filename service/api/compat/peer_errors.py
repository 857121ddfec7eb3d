"""Errors in the shape of the peer whose request met them, wherever on its way it did."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import INTERNAL_DETAIL, PROBLEM_JSON
from service.api.wire.verify_wire import Problem
from service.telemetry import request_id

PeerError = tuple[int, Mapping[str, Any]]
"""A status, and the document that is answered with it."""

ErrorTeller = Callable[[Problem], PeerError]
"""Says an error of ours as a peer says its own."""


class PeerErrors:
    """Stands around the doors, and says the problem documents that come out below a peer's folder in its words.

    The status that the log and the metrics see is the peer's; ``code`` of the log line and of the metric of failures
    stays the service's own.
    """

    def __init__(self, app: ASGIApp, tellers: Mapping[str, ErrorTeller]) -> None:
        """Take who tells them.

        Args:
            app: what answers.
            tellers: by the folder of the peer's paths, such as ``/compat/deepface/``.
        """
        self._app = app
        self._tellers = tellers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        tell = next((tell for folder, tell in self._tellers.items() if path.startswith(folder)), None)
        if scope["type"] != "http" or tell is None:
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body, is_begun = bytearray(), False

        async def in_its_words(message: Message) -> None:
            nonlocal held, is_begun
            if message["type"] == "http.response.start":
                if Headers(raw=message["headers"]).get("content-type") == PROBLEM_JSON:
                    held = message
                    return
                is_begun = True
            if held is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                is_begun = True
                await _send(held, tell(Problem.model_validate_json(bytes(body))), send)

        try:
            await self._app(scope, receive, in_its_words)
        except ClientDisconnect:
            raise
        except Exception:
            if not is_begun:
                start: Message = {"type": "http.response.start", "headers": []}
                await _send(start, tell(_unforeseen()), send)
            raise  # to be logged and counted


async def _send(start: Message, error: PeerError, send: Send) -> None:
    status, document = error
    content = json.dumps(document).encode()
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["content-type"] = "application/json"
    headers["content-length"] = str(len(content))
    await send({**start, "status": status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": content})


def _unforeseen() -> Problem:
    return Problem(
        type="about:blank",
        title="Internal Server Error",
        status=500,
        detail=INTERNAL_DETAIL,
        code="internal_error",
        image=None,
        request_id=request_id.get() or "",
        reasons=[],
    )
