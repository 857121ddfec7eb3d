"""What browsers are shown: the page at ``/``, and ``/docs``. Files of this package alone, or of an installed one.

No file names another host, and by the Content-Security-Policy a browser asks none.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

_OWN = "page"
_SWAGGER = "fastapi_offline"
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
# Nothing inline, nothing of another host, in no frame of another page; a form is sent by script alone.
_POLICY = (
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
# Swagger UI writes style into its elements and draws its icons from data URIs.
_SWAGGER_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        # Asked about each time, answered 304 where nothing changed: pages of two versions never mix.
        "Cache-Control": "no-cache",
    }
)


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    etag: str

    def is_held(self, if_none_match: str) -> bool:
        """Return whether a browser that names these tags has this file."""
        tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
        return self.etag in tags or "*" in tags


def page_router() -> APIRouter:
    """Return the endpoints of the page: ``/``, and its modules under ``/page/``."""
    router, own = APIRouter(), files("service.api").joinpath(_OWN)
    _serve(router, "/", _read(own.joinpath("index.html")), _POLICY)
    for found in sorted(own.iterdir(), key=lambda file: file.name):
        if not found.name.endswith(".html"):
            _serve(router, f"/{_OWN}/{found.name}", _read(found), _POLICY)
    return router


def docs_router(*, is_beside_admin: bool) -> APIRouter:
    """Return the endpoints of ``/docs``.

    Args:
        is_beside_admin: whether the admin API has the same origin. There no code of others is shown, but a plain list
            of the endpoints; elsewhere it is Swagger UI, as the package fastapi-offline carries it.
    """
    router, own = APIRouter(), files("service.api").joinpath(_OWN)
    if is_beside_admin:
        _serve(router, "/docs", _read(own.joinpath("endpoints.html")), _POLICY)
        for name in ("endpoints.js", "elements.js", "page.css", "icon.svg"):
            _serve(router, f"/docs/{name}", _read(own.joinpath(name)), _POLICY)
        return router
    _serve(router, "/docs", _read(own.joinpath("docs.html")), _SWAGGER_POLICY)
    for name in ("docs.js", "icon.svg"):
        _serve(router, f"/docs/{name}", _read(own.joinpath(name)), _SWAGGER_POLICY)
    carried = files(_SWAGGER).joinpath("static")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        _serve(router, f"/docs/{name}", _read(carried.joinpath(name)), _SWAGGER_POLICY)
    return router


def _read(found: Traversable) -> _File:
    content = found.read_bytes()
    kind = _TYPES[PurePosixPath(found.name).suffix]
    return _File(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _serve(router: APIRouter, path: str, file: _File, policy: str) -> None:
    headers = {**_HEADERS, "Content-Security-Policy": policy, "ETag": file.etag}

    async def answer(request: Request) -> Response:
        if file.is_held(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        # To HEAD the server sends the headers alone.
        return Response(file.content, headers=headers, media_type=file.kind)

    router.add_api_route(path, answer, methods=["GET", "HEAD"], include_in_schema=False)
