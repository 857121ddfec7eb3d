"""The client of the admin API by HTTPS: whom it believes, and what it says where it does not."""

import http.server
import ssl
import threading

import pytest
from self_signed import write_certificate

from models.remote.client import AdminClient
from models.tool_errors import AdminUnreachable


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = b'{"replicas": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def certificate(tmp_path):
    return write_certificate(tmp_path / "server.pem", tmp_path / "server.key")


@pytest.fixture
def url(certificate):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_certificate_that_the_environment_names_is_believed(url, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with AdminClient(url, "a token") as client:
        assert client.replicas() == {"replicas": []}


@pytest.mark.slow
def test_any_other_is_not(url, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with AdminClient(url, "a token") as client, pytest.raises(AdminUnreachable, match="certificate"):
        client.replicas()


@pytest.mark.parametrize("content", [None, "none"], ids=["missing", "damaged"])
def test_file_that_cannot_be_used_is_named(tmp_path, monkeypatch, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(AdminUnreachable, match=f"SSL_CERT_FILE {file} cannot be used"):
        AdminClient("https://localhost:1", "a token")
