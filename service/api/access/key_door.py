"""The door that asks for a key: before a request has a place in the queue, and before its body is read."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.access.key_file import KeyScope
from service.api.access.key_ring import KeyRing, KnownKey
from service.api.problems import KeysUnavailable, KeyUnknown, RateLimited, ScopeMissing, error_response
from service.telemetry import Metrics, caller, tell

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/", "/docs", "/openapi.json"})
"""What anybody may ask: whether the service is well, how it is asked, and the page, which asks for a key itself."""

OPEN_FOLDERS = ("/page/", "/docs/")
"""Files of the page and of ``/docs``, which say nothing of who is served or what."""

SCOPES_OF_PATHS: Mapping[str, KeyScope] = MappingProxyType(
    {
        "/verify": "verify",
        "/verify/batch": "verify",
        "/embed": "embed",
        "/embed/batch": "embed",
        "/info": "info",
        "/info/curves": "info",
        "/metrics": "info",
    }
)
"""What a key must be good for, by path."""

# The administrators' own tokens are asked for there.
_ADMIN = "/admin/"
# Of a path that nothing above names: what is added later is closed until it is named.
_OTHERWISE: KeyScope = "verify"


@dataclass(frozen=True, slots=True)
class ForeignKeys:
    """How requests in other people's shapes say whose they are, besides ``Authorization``.

    Attributes:
        scopes: what a key must be good for, by path.
        headers: the header that has the key, by path, in small letters.
        late_paths: where the body has it: whoever answers there lets the caller in by ``enter_late``, and nobody else.
    """

    scopes: Mapping[str, KeyScope] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    late_paths: frozenset[str] = frozenset()


class KeyDoor:
    """Lets nobody in without a key that is good for what is asked, and within its limits.

    ``scope["caller"]`` is then the name of the key.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, metrics: Metrics, foreign: ForeignKeys | None = None) -> None:
        self._app = app
        self._keys = keys
        self._metrics = metrics
        foreign = foreign or ForeignKeys()
        self._scopes = {**SCOPES_OF_PATHS, **foreign.scopes}
        self._headers = foreign.headers
        self._late = foreign.late_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path in OPEN_PATHS or path.startswith((*OPEN_FOLDERS, _ADMIN)):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        authorization = headers.get("authorization")
        if authorization is None and path in self._late:
            await self._app(scope, receive, send)
            return
        if authorization is None and path in self._headers and (key := headers.get(self._headers[path])) is not None:
            authorization = f"Bearer {key}"
        try:
            leave = _enter(self._keys, scope, authorization, self._scopes.get(path, _OTHERWISE))
        except (KeysUnavailable, KeyUnknown, ScopeMissing, RateLimited) as error:
            self._metrics.failures.labels(error.code).inc()
            if path in self._scopes:
                scope["route"] = SimpleNamespace(path=path)  # not looked for, and counted all the same
            await error_response(error)(scope, receive, send)
            return
        token = caller.set(scope["caller"])
        try:
            await self._app(scope, receive, send)
        finally:
            caller.reset(token)
            leave()


@contextmanager
def enter_late(keys: KeyRing | None, scope: Scope, key: str | None, needed: KeyScope) -> Iterator[None]:
    """Let in whoever's key stood in the body, before anything is computed of it; who was let in stays so.

    Args:
        keys: those that are known; None where none is asked for.
        scope: of the request.
        key: what the body had; None for none.
        needed: what it must be good for.

    Raises:
        KeysUnavailable, KeyUnknown, ScopeMissing, RateLimited: as at the door.
    """
    if keys is None or "caller" in scope:
        yield
        return
    leave = _enter(keys, scope, None if key is None else f"Bearer {key}", needed)
    token = caller.set(scope["caller"])
    try:
        yield
    finally:
        caller.reset(token)
        leave()


def _enter(keys: KeyRing, scope: Scope, authorization: str | None, needed: KeyScope) -> Callable[[], None]:
    found: KnownKey = keys.known(authorization)
    scope["caller"] = found.key.name
    tell(key=found.key.name)
    if needed not in found.key.scopes:
        raise ScopeMissing(
            f"The key of {found.key.name} is good for {', '.join(found.key.scopes)}, and this takes {needed}. Ask "
            "the operator for one that may."
        )
    found.use.enter(found.key)
    return found.use.leave
