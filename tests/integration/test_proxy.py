"""The deployed proxy before two stand-ins for replicas: what it passes on, what it keeps inside, whom it asks next."""

import http.server
import json
import threading
from types import SimpleNamespace

import pytest
from e2e.fleet import Fleet, ask

pytestmark = pytest.mark.system


class Backend:
    """Answers with its name and what it was sent; dies in the middle of a request when told to."""

    def __init__(self, name):
        self.asked, self.dies = [], False
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                backend.asked.append((self.command, self.path))
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
    fleet = Fleet(tmp_path, replicas=[SimpleNamespace(port=backend.port, process=None) for backend in backends])
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


def test_two_photographs_of_the_largest_size_pass(url):
    status, answer = ask(f"{url}/verify", verb="POST", body=bytes(43 * 1024 * 1024))
    assert (status, answer["bytes"]) == (200, 43 * 1024 * 1024)
    assert ask(f"{url}/verify", verb="POST", body=bytes(47 * 1024 * 1024))[0] in (413, 0)


def test_comparison_that_a_dying_replica_cut_off_is_sent_to_another(url, backends):
    backends[0].dies = True
    answers = [ask(f"{url}/verify", verb="POST", body=bytes(100_000)) for _ in range(8)]
    assert {(status, answer["name"], answer["bytes"]) for status, answer in answers} == {(200, "b", 100_000)}
    assert backends[0].asked, "it was asked first, now and then"


def test_other_writes_are_not_repeated(url, backends):
    for backend in backends:
        backend.dies = True
        backend.asked.clear()
    assert ask(f"{url}/elsewhere", verb="POST", body=b"x")[0] == 502
    assert sum(len(backend.asked) for backend in backends) == 1


def test_replica_that_is_gone_is_not_noticed(url, backends):
    backends[1].close()
    assert {ask(f"{url}/info")[0] for _ in range(10)} == {200}
    assert {ask(f"{url}/verify", verb="POST", body=b"x")[0] for _ in range(10)} == {200}
