"""A test client that holds the service to its OpenAPI document: no answer may have what is not declared there."""

import re
from functools import cache

from fastapi.testclient import TestClient

PROBLEM = "application/problem+json"
_DOCUMENTS = {}


class DeclaredClient(TestClient):
    """Fails where an answer has a status, a type or a code of a problem that its operation does not declare."""

    def request(self, method, url, **options):
        response = super().request(method, url, **options)
        operation = _operation(self.app, str(method).upper(), response.request.url.path)
        if operation is not None:
            _check(response, operation, f"{method} {url}: {response.status_code}")
        return response


def _check(response, operation, where):
    declared = operation["responses"].get(str(response.status_code))
    assert declared is not None, f"{where} is not declared, {response.text}"
    kind = response.headers.get("content-type")
    content = declared.get("content", {None: {}})
    assert kind in content, f"{where} has the type {kind}, {list(content)} are declared"
    if kind == PROBLEM:
        code = response.json()["code"]
        assert code in content[kind]["examples"], f"{where} {code} is not declared"


def _operation(app, method, path):
    paths = document_of(app)["paths"]
    # The plain path before the one with a parameter, as the router takes them.
    for template in sorted(paths, key=lambda template: "{" in template):
        if method.lower() in paths[template] and _pattern(template).fullmatch(path):
            return paths[template][method.lower()]
    return None


def document_of(app):
    """Return an application's document; made once for each kind of application, since it takes a while."""
    routers = [app, *(route.original_router for route in app.routes if not hasattr(route, "path"))]
    kind = frozenset(route.path for router in routers for route in router.routes if hasattr(route, "path"))
    if kind not in _DOCUMENTS:
        _DOCUMENTS[kind] = app.openapi()
    return _DOCUMENTS[kind]


@cache
def _pattern(template):
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
