"""HTTPS on the real server: the certificate that is shown, read again; clients' certificates, where they are asked."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fakes import serving
from prometheus_client import CollectorRegistry

from service.errors import SettingsInvalid
from service.server.certificates import ServerCertificate, open_certificate
from service.server.connections import ConnectionLimits, Connections
from service.server.servers import ImpatientLoop, server_config
from service.settings import load_settings
from service.telemetry import Metrics

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Authority:
    """Signs certificates, written as PEM into a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])
        self.file = folder / "ca.pem"
        made = self._builder(self.name, self.key, 3650).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, True)
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def write(self, name, days=3650, password=None):
        """Write NAME.pem and NAME.key, and return both."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        made = self._builder(subject, key, days).add_extension(names, False).sign(self.key, hashes.SHA256())
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        certificate, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        return certificate, private

    def _builder(self, subject, key, days):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(BEGIN + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        )


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


@pytest.fixture
def certificate(authority, metrics):
    return ServerCertificate(*authority.write("server"), authority.file, metrics)


@pytest.fixture
def listening(settings, bundle, backbone_session, metrics):
    """Start the real server with a context of TLS, and return its port."""
    ended = []

    def start(tls):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        limits = ConnectionLimits(most=8, header_seconds=0.5, backlog=16)
        app = serving(settings, bundle, backbone_session).app
        running = uvicorn.Server(server_config(app, settings, port, Connections(limits, "main", metrics), tls))

        def serve():
            with asyncio.Runner(loop_factory=partial(ImpatientLoop, 0.5)) as runner:
                runner.run(running.serve())

        thread = threading.Thread(target=serve)
        thread.start()
        ended.append((running, thread))
        end = time.monotonic() + 30
        while not running.started:
            assert time.monotonic() < end
            thread.join(0.01)
        return port

    yield start
    for running, thread in ended:
        running.should_exit = True
        thread.join(20)


def ask(port, authority, shown=None):
    """The answer's status and document, and the certificate that the server showed."""
    context = ssl.create_default_context(cafile=authority.file)
    if shown:
        context.load_cert_chain(*shown)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    try:
        connection.request("GET", "/readyz")
        subject = dict(pair[0] for pair in connection.sock.getpeercert()["subject"])["commonName"]
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), subject
    finally:
        connection.close()


def test_service_speaks_https_and_shows_a_renewed_certificate_without_a_restart(
    listening, certificate, authority, tmp_path, caplog
):
    port = listening(certificate.context(asks_clients=False))
    status, document, subject = ask(port, authority)
    assert (status, document["status"], subject) == (200, "ready", "server")

    new, key = authority.write("renewed")
    new.replace(tmp_path / "server.pem")
    certificate.look()
    assert "cannot be used" in caplog.text, "the key does not fit yet"
    assert ask(port, authority)[2] == "server"
    key.replace(tmp_path / "server.key")
    certificate.look()
    assert ask(port, authority)[2] == "renewed"

    (tmp_path / "server.pem").unlink()
    certificate.look()
    assert ask(port, authority)[2] == "renewed", "what is gone cannot be shown, and the last one goes on"


def test_client_without_a_certificate_of_the_authority_is_not_listened_to(listening, certificate, authority, tmp_path):
    port = listening(certificate.context(asks_clients=True))
    (tmp_path / "other").mkdir()
    for shown in (None, Authority(tmp_path / "other").write("stranger")):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            ask(port, authority, shown)
    assert ask(port, authority, authority.write("caller"))[0] == 200


def test_neither_clear_text_nor_an_unfinished_handshake_holds_a_connection(listening, certificate, authority):
    port = listening(certificate.context(asks_clients=False))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as silent:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as clear:
            clear.sendall(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
            assert b"alive" not in clear.recv(1000)
        began = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - began < 15, "asyncio's own limit is 60 s"
    assert ask(port, authority)[0] == 200


def test_old_protocols_are_not_spoken(certificate):
    assert certificate.context(asks_clients=False).minimum_version >= ssl.TLSVersion.TLSv1_2


def test_end_of_the_certificate_is_told(certificate, metrics):
    told = metrics.registry.get_sample_value("ida_tls_certificate_expires_timestamp_seconds")
    assert told == (BEGIN + timedelta(days=3650)).timestamp()
    assert metrics.registry.get_sample_value("ida_tls_certificate_begins_timestamp_seconds") == BEGIN.timestamp()


def test_files_that_do_not_fit_each_other_are_told_until_they_do(certificate, authority, metrics, tmp_path):
    def told() -> float | None:
        return metrics.registry.get_sample_value("ida_file_unusable", {"file": "tls_certificate"})

    assert told() == 0
    new, key = authority.write("renewed")
    new.replace(tmp_path / "server.pem")
    certificate.look()
    assert told() == 1
    key.replace(tmp_path / "server.key")
    certificate.look()
    assert told() == 0


def test_files_that_cannot_be_used_are_told_at_the_start(authority, metrics, tmp_path):
    good, key = authority.write("good")
    (tmp_path / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    for pair in (
        (tmp_path / "missing.pem", key),
        (good, tmp_path / "missing.key"),
        (tmp_path / "damaged.pem", key),
        (good, authority.write("other")[1]),
        authority.write("encrypted", password=b"a-password"),
    ):
        with pytest.raises(SettingsInvalid, match="IDA_TLS_CERTIFICATE"):
            ServerCertificate(*pair, None, metrics)
    with pytest.raises(SettingsInvalid, match="IDA_TLS_CLIENT_CA"):
        ServerCertificate(good, key, key, metrics).context(asks_clients=True)


@pytest.mark.parametrize(
    "given", [{"tls_certificate": "a"}, {"tls_key": "a"}, {"tls_client_ca": "a"}], ids=lambda given: next(iter(given))
)
def test_settings_that_belong_together_are_asked_for_together(given):
    with pytest.raises(SettingsInvalid, match="IDA_TLS_KEY"):
        load_settings(**given)


def test_without_the_settings_http_is_spoken_in_the_clear(settings, metrics):
    assert open_certificate(settings, metrics) is None
