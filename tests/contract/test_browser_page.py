"""The page at / and /docs as HTTP sees them: what a browser is allowed, what is cached, where they are not."""

import re
from importlib.resources import files

import pytest
from administering import TOKEN
from fakes import serving
from fastapi.testclient import TestClient

from service.faces.align import ARCFACE_TEMPLATE
from service.faces.quality.components import COMPONENTS

ASSETS = ["main.js", "page.css", "icon.svg"]


def policy(response) -> dict[str, list[str]]:
    """The Content-Security-Policy of an answer, by directive."""
    parts = response.headers["content-security-policy"].split(";")
    return {name: sources for name, *sources in (part.split() for part in parts)}


def asset_text(name: str) -> str:
    return files("service.api").joinpath("page", name).read_text("utf-8")


def test_page_reads_this_service_alone_and_runs_nothing_inline(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    allowed = policy(response)
    assert allowed["default-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == ["'none'"]
    assert {source for sources in allowed.values() for source in sources} == {"'self'", "'none'", "blob:", "'script'"}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in response.headers
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", response.text)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_what_a_page_names_is_served_with_its_type_and_no_other_host_is_named(client, path):
    names = re.findall(r'(?:src|href)="((?:page|docs)/[^"]+)"', client.get(path).text)
    assert names
    for name in names:
        response = client.get(f"/{name}")
        kind = {"css": "text/css", "svg": "image/svg+xml"}.get(name.rpartition(".")[2], "text/javascript")
        assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (200, kind)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "swagger" in name or not re.search(r"https?://(?!www\.w3\.org/2000/svg)", response.text), name


def test_every_module_that_a_module_imports_is_served(client):
    waiting, seen = ["main.js"], set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            response = client.get(f"/page/{name}")
            assert response.status_code == 200, name
            waiting += re.findall(r'from "\./([\w.]+)"', response.text)
    assert len(seen) > 4


@pytest.mark.parametrize("path", ["/", "/docs", *(f"/page/{name}" for name in ASSETS)])
def test_browser_that_has_it_gets_304_and_head_tells_the_same_without_a_body(client, path):
    full, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert {name: value for name, value in head.headers.items() if name != "x-request-id"} == {
        name: value for name, value in full.headers.items() if name != "x-request-id"
    }
    for tags in (full.headers["etag"], f'"other", W/{full.headers["etag"]}', "*"):
        again = client.get(path, headers={"if-none-match": tags})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == full.headers["etag"]
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_page_is_small(client):
    names = [found.name for found in files("service.api").joinpath("page").iterdir()]
    assert sum(len(asset_text(name)) for name in names) < 100_000


def test_nothing_else_of_the_folder_or_above_it_is_served(client):
    for path in (
        "/page/",
        "/page/index.html",
        "/page/../pages.py",
        "/page/%2e%2e/pages.py",
        "/docs/redoc.standalone.js",
    ):
        assert client.get(path).json()["code"] == "not_found", path
    assert client.post("/").json()["code"] == "method_not_allowed"


def test_page_is_off_by_the_setting_and_everything_else_is_there(settings, bundle, backbone_session):
    with serving(settings.model_copy(update={"page": "off"}), bundle, backbone_session) as client:
        for path in ("/", *(f"/page/{name}" for name in ASSETS)):
            assert client.get(path).json()["code"] == "not_found"
        assert client.get("/docs").status_code == client.get("/healthz").status_code == 200


def test_administrators_port_has_no_page_and_no_code_of_others(settings, bundle, backbone_session):
    administered = type(settings)(home=settings.home, admin_token=TOKEN, admin_port=0)
    with serving(administered, bundle, backbone_session) as client, TestClient(client.app.state.inside) as inside:
        for path in ("/", "/page/main.js", "/docs/swagger-ui-bundle.js", "/redoc"):
            assert inside.get(path).status_code == 404, path
        assert "swagger" not in inside.get("/docs").text
        assert inside.get("/docs/endpoints.js").status_code == 200
        assert client.get("/docs/swagger-ui-bundle.js").status_code == 200


def test_where_the_admin_api_has_the_same_origin_docs_are_a_plain_list(settings, bundle, backbone_session):
    with serving(type(settings)(home=settings.home, admin_token=TOKEN), bundle, backbone_session) as client:
        assert "swagger" not in client.get("/docs").text
        assert client.get("/docs/swagger-ui-bundle.js").status_code == 404
        assert policy(client.get("/docs"))["default-src"] == ["'self'"]


def test_every_component_of_quality_has_an_advice_and_crops_are_cut_by_the_services_template():
    advice = asset_text("words.js").partition("ADVICE = {")[2].partition("};")[0]
    assert set(re.findall(r"^  (\w+):", advice, re.MULTILINE)) == {component.name for component in COMPONENTS}
    template = re.search(r"TEMPLATE = \[(.+)\];", asset_text("picture.js"))[1]
    assert [float(value) for value in re.findall(r"[\d.]+", template)] == pytest.approx(
        ARCFACE_TEMPLATE.ravel().tolist()
    )
