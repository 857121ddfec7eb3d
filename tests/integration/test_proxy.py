"""The deployed proxy before two stand-ins for replicas: what it passes on, what it keeps inside, whom it asks next."""

import http.client
import http.server
import json
import re
import socket
import ssl
import threading
from types import SimpleNamespace

import pytest
from e2e.fleet import REPOSITORY, Fleet, ask, free_port
from self_signed import write_certificate

from service.api.wire.verify_wire import Problem
from service.app import body_limits
from service.settings import Settings

pytestmark = pytest.mark.system
TEMPLATE = REPOSITORY / "deploy" / "proxy" / "ida-verify.conf.template"
_PAIR_BYTES = 44_804_778


class Backend:
    """Answers with its name and what it was sent; dies in the middle of a request when told to."""

    def __init__(self, name):
        self.asked, self.ids, self.dies = [], [], False
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                backend.asked.append((self.command, self.path))
                backend.ids.append(self.headers.get("x-request-id"))
                if backend.dies:
                    self.connection.close()
                    return
                content = json.dumps({"name": name, "bytes": len(body)}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815  (http.server's names)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def backends():
    found = [Backend("a"), Backend("b")]
    yield found
    for backend in found:
        backend.close()


@pytest.fixture
def url(require_program, tmp_path, backends):
    require_program("nginx")
    fleet = Fleet(
        tmp_path, replicas=[SimpleNamespace(host="127.0.0.1", port=backend.port, process=None) for backend in backends]
    )
    fleet.start_proxy()
    yield fleet.url
    fleet.close()


def test_requests_are_spread_over_the_replicas(url):
    names = {ask(f"{url}/info")[1]["name"] for _ in range(10)}
    assert names == {"a", "b"}


@pytest.mark.parametrize(
    "path",
    ["/admin", "/admin/anchor-sets", "/admin/anchor-sets/active", "/metrics", "//admin/anchor-sets", "/%61dmin/x"],
)
def test_administration_and_metrics_stay_inside(url, backends, path):
    for backend in backends:
        backend.asked.clear()
    assert ask(f"{url}{path}")[0] == 404
    assert [backend.asked for backend in backends] == [[], []]


@pytest.mark.parametrize(("path", "most"), [("/verify", _PAIR_BYTES), ("/verify/batch", 4 * _PAIR_BYTES)])
def test_body_of_the_largest_size_passes_and_a_larger_one_does_not(url, path, most):
    status, answer = ask(f"{url}{path}", verb="POST", body=bytes(most))
    assert (status, answer["bytes"]) == (200, most)
    # 0: the proxy closes before all of it is sent.
    assert ask(f"{url}{path}", verb="POST", body=bytes(most + 1))[0] in (413, 0)


def test_limits_are_those_of_the_service():
    text = TEMPLATE.read_text("utf-8")
    limits = [int(found) for found in re.findall(r"client_max_body_size (\d+);", text)]
    assert limits == [body_limits(Settings())[path] for path in ("/verify", "/verify/batch")]
    settings = Settings()
    assert f"client_header_timeout {settings.header_seconds:g}s;" in text
    assert f"client_body_timeout {settings.deadline_seconds:g}s;" in text


@pytest.mark.parametrize("path", ["/verify", "/embed", "/verify/batch", "/elsewhere"])
def test_request_that_a_replica_died_of_is_sent_to_no_other(url, backends, path):
    for backend in backends:
        backend.dies = True
        backend.asked.clear()
    status, problem = ask(f"{url}{path}", verb="POST", body=bytes(100_000))
    assert (status, problem["code"]) == (502, "bad_gateway")
    assert sum(len(backend.asked) for backend in backends) == 1


def exchange(url, request):
    """Send bytes; return the status, the headers and the document of the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        found = http.client.HTTPResponse(connection)
        found.begin()
        return found.status, found.headers, found.read()


PROBLEMS = {
    "administration": (b"GET /admin HTTP/1.1\r\nhost: x\r\nx-request-id: order-17\r\n\r\n", 404, "not_found"),
    "large body": (
        b"POST /verify HTTP/1.1\r\nhost: x\r\nx-request-id: order-17\r\ncontent-length: 99999999\r\n\r\n",
        413,
        "request_too_large",
    ),
    "large header": (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
    "no HTTP": (b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400, "invalid_request"),
}


@pytest.mark.parametrize(("request_", "status", "code"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_the_proxy_refuses_itself_is_a_problem_document(url, request_, status, code):
    found, headers, content = exchange(url, request_)
    problem = json.loads(content)
    assert (found, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert set(problem) == set(Problem.model_fields)
    if b"order-17" in request_:
        assert problem["request_id"] == headers["x-request-id"] == "order-17"


def test_own_request_id_is_passed_on_and_a_strange_one_replaced(url, backends):
    exchange(url, b"GET /info HTTP/1.1\r\nhost: x\r\nx-request-id: order-17\r\n\r\n")
    exchange(url, b"GET /info HTTP/1.1\r\nhost: x\r\nx-request-id: or der\r\n\r\n")
    exchange(url, b"GET /info HTTP/1.1\r\nhost: x\r\n\r\n")
    ids = [found for backend in backends for found in backend.ids if found]
    assert "order-17" in ids
    assert sum(re.fullmatch("[0-9a-f]{32}", found) is not None for found in ids) >= 2
    assert "or der" not in ids


def test_replica_that_is_gone_is_not_noticed(url, backends):
    backends[1].close()
    assert {ask(f"{url}/info")[0] for _ in range(10)} == {200}
    assert {ask(f"{url}/verify", verb="POST", body=b"x")[0] for _ in range(10)} == {200}


def test_https_is_spoken_where_its_file_is_included(require_program, tmp_path, backends):
    require_program("nginx")
    certificate, _ = write_certificate(tmp_path / "proxy-certificate", tmp_path / "proxy-key")
    port = free_port()
    (tmp_path / "included").mkdir()
    server = (TEMPLATE.parent / "tls.conf").read_text("utf-8")
    server = server.replace("listen 8443", f"listen 127.0.0.1:{port}").replace("/run/secrets/", f"{tmp_path}/")
    (tmp_path / "included" / "tls.conf").write_text(server)
    fleet = Fleet(
        tmp_path, replicas=[SimpleNamespace(host="127.0.0.1", port=backend.port, process=None) for backend in backends]
    )
    fleet.start_proxy()
    try:
        trusted = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("localhost", port, context=trusted, timeout=10)
        for path, status in (("/info", 200), ("/metrics", 404), ("/admin/anchor-sets", 404)):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
    finally:
        fleet.close()


def test_clients_certificates_are_asked_for_where_their_file_is_included_too(require_program, tmp_path, backends):
    require_program("nginx")
    certificate, _ = write_certificate(tmp_path / "proxy-certificate", tmp_path / "proxy-key")
    client, key = write_certificate(tmp_path / "proxy-client-ca", tmp_path / "client-key")
    stranger, strangers_key = write_certificate(tmp_path / "stranger", tmp_path / "strangers-key")
    port = free_port()
    (tmp_path / "included").mkdir()
    for name in ("tls.conf", "clients.conf"):
        server = (TEMPLATE.parent / name).read_text("utf-8")
        server = server.replace("listen 8443", f"listen 127.0.0.1:{port}").replace("/run/secrets/", f"{tmp_path}/")
        (tmp_path / "included" / name).write_text(server)
    fleet = Fleet(
        tmp_path, replicas=[SimpleNamespace(host="127.0.0.1", port=backend.port, process=None) for backend in backends]
    )
    fleet.start_proxy()
    try:
        for shown, status in ((None, 400), ((stranger, strangers_key), 400), ((client, key), 200)):
            trusted = ssl.create_default_context(cafile=certificate)
            if shown is not None:
                trusted.load_cert_chain(*shown)
            connection = http.client.HTTPSConnection("localhost", port, context=trusted, timeout=10)
            connection.request("GET", "/info")
            answer = connection.getresponse()
            document = answer.read()
            assert answer.status == status
            if status == 400:
                assert "client certificate" in json.loads(document)["detail"]
                assert json.loads(document)["request_id"] == answer.headers["X-Request-ID"]
    finally:
        fleet.close()
