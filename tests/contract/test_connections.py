"""What a connection may do before a request is complete, on the real server over a real socket."""

import asyncio
import contextlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest
import uvicorn
from fakes import picture, serving
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from service.server.connections import ConnectionLimits, Connections, connection_limits
from service.server.servers import server_config
from service.telemetry import Metrics

REQUEST = b"GET /healthz HTTP/1.1\r\nhost: here\r\n"
CHUNKED = b"POST /verify HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n"
MOST = 8
HEADER_SECONDS = 0.5


@pytest.fixture
def settings(settings):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return settings.model_copy(update={"port": port, "admin_token": SecretStr("the-token-of-this-file")})


@pytest.fixture
def server(settings, bundle, backbone_session):
    """The application behind the real server, in a thread of its own."""
    app = serving(settings, bundle, backbone_session).app
    metrics = Metrics(CollectorRegistry())
    limits = ConnectionLimits(most=MOST, header_seconds=HEADER_SECONDS, backlog=16)
    running = uvicorn.Server(server_config(app, settings, settings.port, Connections(limits, "main", metrics)))
    thread = threading.Thread(target=running.run)
    thread.start()
    end = time.monotonic() + 20
    while not running.started:
        assert time.monotonic() < end
        thread.join(0.01)
    yield Asking(settings.port, metrics)
    running.should_exit = True
    thread.join(20)


class Asking:
    """Raw connections to the server."""

    def __init__(self, port, metrics):
        self.port, self.metrics = port, metrics

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, content):
        """The status and the document that a connection is answered, and whether it was closed then."""
        with self.connect() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(content)
            return answered(connection)

    def status(self, path, headers):
        """The status of a request for a path."""
        lines = [f"GET {path} HTTP/1.1", "host: here", *(f"{name}: {value}" for name, value in headers.items())]
        return self.send(("\r\n".join(lines) + "\r\n\r\n").encode())[0]

    def closed(self, reason):
        """How many connections the server closed for a reason."""
        return self.metrics.registry.get_sample_value("ida_connections_closed_total", {"reason": reason}) or 0


def answered(connection):
    """Status, document and whether the server closed."""
    content = b""
    while b"\r\n\r\n" not in content:
        try:
            piece = connection.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            return None, None
        content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.splitlines() if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), json.loads(body[:length])


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except OSError:
        return True


def test_headers_beyond_the_limit_are_refused_as_they_come(server):
    began = time.monotonic()
    sent = 0
    with server.connect() as connection:
        connection.sendall(REQUEST + b"x-filler: ")
        with contextlib.suppress(OSError):
            while sent < 300 * 1024 * 1024:
                sent += connection.send(b"a" * 65536)
        assert sent < 8 * 1024 * 1024
    assert time.monotonic() - began < 5
    assert server.send(REQUEST + b"\r\n")[0] == 200
    assert server.closed("headers_too_large") == 1


def test_headers_beyond_the_limit_are_told_so(server):
    status, problem = server.send(REQUEST + b"x-filler: " + b"a" * 33_000)
    assert (status, problem["code"], problem["status"]) == (431, "headers_too_large", 431)
    assert server.send(REQUEST + b"x-filler: " + b"a" * 16_000 + b"\r\n\r\n")[0] == 200


def test_more_headers_than_the_limit_are_refused(server):
    status, problem = server.send(REQUEST + b"".join(b"x-%d: 1\r\n" % number for number in range(101)) + b"\r\n")
    assert (status, problem["code"]) == (431, "headers_too_large")
    assert server.send(REQUEST + b"".join(b"x-%d: 1\r\n" % number for number in range(90)) + b"\r\n")[0] == 200


@pytest.mark.parametrize("sent", [b"", b"GET /hea", REQUEST], ids=["nothing", "half a line", "half the headers"])
def test_connection_without_complete_headers_is_closed(server, sent):
    with server.connect() as connection:
        connection.sendall(sent)
        status, problem = answered(connection)
        assert (status, problem and problem["code"]) == ((408, "request_timeout") if sent else (None, None))
        assert is_closed(connection)


def test_next_request_of_a_connection_that_stays_half_sent_is_closed(server):
    with server.connect() as connection:
        connection.sendall(REQUEST + b"\r\n")
        assert answered(connection)[0] == 200
        connection.sendall(b"GET /healthz HTT")
        assert answered(connection)[0] == 408
        assert is_closed(connection)


def test_request_that_takes_longer_than_headers_may_is_answered_whatever_came_early(server, backbone_session):
    run, begun = backbone_session.run, threading.Event()

    def slow(inputs):
        begun.set()
        threading.Event().wait(3 * HEADER_SECONDS)
        return run(inputs)

    backbone_session.run = slow
    body = b"--x\r\ncontent-disposition: form-data; name=image; filename=a.png\r\n\r\n" + picture() + b"\r\n--x--\r\n"
    head = b"POST /embed HTTP/1.1\r\nhost: here\r\ncontent-type: multipart/form-data; boundary=x\r\n"
    with server.connect() as connection:
        connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert begun.wait(20)
        connection.sendall(b"\r\nGET")
        status, answer = answered(connection)
    assert (status, "embedding" in answer) == (200, True)


def test_idle_connections_lock_nobody_out(server):
    with contextlib.ExitStack() as idle:
        connections = [idle.enter_context(server.connect()) for _ in range(4 * MOST)]
        for connection in connections:
            connection.sendall(b"GET /")
        for _ in range(5):
            assert server.send(REQUEST + b"\r\n")[0] == 200
    assert server.closed("displaced") > MOST


def test_trailers_are_no_headers(server):
    body = b"1\r\n{\r\n0\r\nx-request-id: from-a-trailer\r\nauthorization: Bearer x\r\n\r\n"
    status, problem = server.send(CHUNKED + body)
    assert status == 400
    assert problem["request_id"] != "from-a-trailer"


def test_trailers_without_end_are_refused(server):
    head = (
        b"POST /verify HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n"
    )
    with server.connect() as connection, contextlib.suppress(OSError):
        connection.sendall(head + b"0\r\n")
        for number in range(100_000):
            connection.sendall(b"x-%d: %s\r\n" % (number, b"a" * 500))
        pytest.fail("trailers were taken for ever")


def test_body_in_chunks_of_a_byte_is_refused(server):
    with server.connect() as connection, contextlib.suppress(OSError):
        connection.sendall(CHUNKED)
        for _ in range(1000):
            connection.sendall(b"1\r\na\r\n" * 10_000)
        pytest.fail("chunks of a byte were taken for ever")
    assert server.closed("invalid_request") == 1


def test_requests_sent_far_ahead_of_their_answers_are_refused(server):
    with server.connect() as connection:
        with contextlib.suppress(OSError):
            connection.sendall((REQUEST + b"\r\n") * 20_000)
        received = 0
        with contextlib.suppress(OSError):
            while piece := connection.recv(1 << 20):
                received += piece.count(b"HTTP/1.1 200")
    assert received < 20_000
    assert server.send(REQUEST + b"\r\n")[0] == 200


@pytest.mark.parametrize("content", [b"\x16\x03\x01\x00\xa5\x01\x00", b"GET / HTTP/9\r\n\r\n", b"nonsense\r\n\r\n"])
def test_what_is_not_http_is_told_so(server, content):
    status, problem = server.send(content)
    assert (status, problem["code"]) == (400, "invalid_request")


def test_message_of_connections_is_logged_once_a_second(server, capfd):
    program = (
        "import logging; from service.telemetry import configure_logging; configure_logging('info')\n"
        "for _ in range(1000): logging.getLogger('asyncio').error('socket.accept() out of system resource')\n"
        "logging.getLogger('service.api').error('another'); logging.getLogger('service.api').error('another')"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"][:10] for line in found.stderr.splitlines()] == [
        "socket.acc",
        "another",
        "another",
    ]


def test_few_descriptors_mean_few_connections():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "from service.server.connections import connection_limits; print(connection_limits(512, 10.0))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    few = eval(found.stdout, {"ConnectionLimits": ConnectionLimits})
    assert few.most + 4 * few.backlog <= 64 - 32
    assert connection_limits(512, 10.0).most == 512 or hard < 1100


def test_connection_at_work_is_not_displaced():
    metrics = Metrics(CollectorRegistry())
    closed = []
    connections = Connections(ConnectionLimits(most=2, header_seconds=1), "main", metrics)
    one, two, three, four = (asyncio.Protocol() for _ in range(4))
    assert connections.opened(one, lambda: closed.append("one"))
    assert connections.opened(two, lambda: closed.append("two"))
    connections.busy(one)
    assert connections.opened(three, lambda: closed.append("three"))
    assert closed == ["two"]
    connections.busy(three)
    assert not connections.opened(four, lambda: None)
    connections.idle(one, lambda: closed.append("one"))
    assert connections.opened(four, lambda: None)
    assert closed == ["two", "one"]
    for connection in (one, two, three, four):
        connections.closed(connection)
    assert metrics.registry.get_sample_value("ida_connections", {"port": "main"}) == 0


def test_wrong_tokens_are_slowed_down_whatever_address_a_header_names(server, caplog):
    def ask(number):
        # From this machine itself; servers often believe such a header then.
        named = {"x-forwarded-for": f"203.0.113.{number}", "authorization": f"Bearer a-token-of-nobody-{number}"}
        return server.status("/admin/activations", named)

    assert [ask(number) for number in range(8)] == [401] * 5 + [429] * 3
    told = [record.client for record in caplog.records if record.message == "wrong token"]
    assert told == ["127.0.0.1"] * 5
