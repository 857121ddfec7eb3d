"""The door that asks for a key: before a request has a place in the queue, and before its body is read."""

from collections.abc import Callable, Mapping
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


class KeyDoor:
    """Lets nobody in without a key that is good for what is asked, and within its limits.

    ``scope["caller"]`` is then the name of the key.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, metrics: Metrics) -> None:
        self._app = app
        self._keys = keys
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path in OPEN_PATHS or path.startswith((*OPEN_FOLDERS, _ADMIN)):
            await self._app(scope, receive, send)
            return
        try:
            leave = self._enter(scope, SCOPES_OF_PATHS.get(path, _OTHERWISE))
        except (KeysUnavailable, KeyUnknown, ScopeMissing, RateLimited) as error:
            self._metrics.failures.labels(error.code).inc()
            if path in SCOPES_OF_PATHS:
                scope["route"] = SimpleNamespace(path=path)  # not looked for, and counted all the same
            await error_response(error)(scope, receive, send)
            return
        token = caller.set(scope["caller"])
        try:
            await self._app(scope, receive, send)
        finally:
            caller.reset(token)
            leave()

    def _enter(self, scope: Scope, needed: KeyScope) -> Callable[[], None]:
        found: KnownKey = self._keys.known(Headers(scope=scope).get("authorization"))
        scope["caller"] = found.key.name
        tell(key=found.key.name)
        if needed not in found.key.scopes:
            raise ScopeMissing(
                f"The key of {found.key.name} is good for {', '.join(found.key.scopes)}, and this takes {needed}. Ask "
                "the operator for one that may."
            )
        found.use.enter(found.key)
        return found.use.leave
