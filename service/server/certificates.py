"""The certificate that the servers show, read again when its files change, and whose they ask of clients."""

import asyncio
import logging
import ssl
from pathlib import Path

from cryptography import x509

from service.api.tokens import file_stamp
from service.errors import SettingsInvalid
from service.settings import Settings
from service.telemetry import Metrics

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 10.0


class ServerCertificate:
    """The certificate and key of the servers, for TLS 1.2 and later.

    A changed certificate holds for connections from then on; those that are open keep theirs. While the files cannot be
    used, the one that was read last is shown: nobody gains by it, and a half-written file would end the service.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None, metrics: Metrics) -> None:
        """Read the files.

        Args:
            certificate: with the chain behind it, PEM.
            key: its private key, PEM, not encrypted.
            client_ca: certificates of whoever signs clients' certificates, PEM; None for clients without.
            metrics: where the certificate's end is told.

        Raises:
            SettingsInvalid: if one of them cannot be used.
        """
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._expires, self._begins = metrics.certificate_expires, metrics.certificate_begins
        self._unusable = metrics.file_unusable.labels("tls_certificate")
        self._contexts: list[ssl.SSLContext] = []
        self._stamps = self._seen()
        self._problem: str | None = None
        self._load(self._new_context())

    def context(self, *, asks_clients: bool) -> ssl.SSLContext:
        """Return what a server listens with; its certificate changes when ``look`` finds another.

        Args:
            asks_clients: whether clients must show a certificate, where the settings name who signs those.

        Raises:
            SettingsInvalid: if the files cannot be used any more.
        """
        context = self._new_context()
        if asks_clients and self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except (OSError, ssl.SSLError) as error:
                raise SettingsInvalid(_unusable("IDA_TLS_CLIENT_CA", self._client_ca, error)) from error
            context.verify_mode = ssl.CERT_REQUIRED
        self._load(context)
        self._contexts.append(context)
        return context

    def look(self) -> None:
        """Read the files again if one of them changed, or could not be used when they were looked at last."""
        seen = self._seen()
        if seen == self._stamps and self._problem is None:
            return
        self._stamps = seen
        try:
            # Into one that nobody uses first: a key that does not fit would leave the certificate without any.
            self._load(self._new_context())
            for context in self._contexts:
                self._load(context)
        except SettingsInvalid as error:
            if error.message != self._problem:
                logger.error("%s The one that was read before is shown until that is mended.", error.message)
            self._problem = error.message
            self._unusable.set(1)
            return
        self._problem = None
        self._unusable.set(0)
        logger.info("the certificate was read again")

    async def watch(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            await asyncio.to_thread(self.look)

    def _seen(self) -> tuple[object, object]:
        return file_stamp(self._certificate), file_stamp(self._key)

    def _new_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            # Without a password given, OpenSSL would ask for it at the terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
            shown = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        except (OSError, ssl.SSLError, ValueError) as error:
            raise SettingsInvalid(_unusable("IDA_TLS_CERTIFICATE, IDA_TLS_KEY", self._certificate, error)) from error
        self._expires.set(shown.not_valid_after_utc.timestamp())
        self._begins.set(shown.not_valid_before_utc.timestamp())


def open_certificate(settings: Settings, metrics: Metrics) -> ServerCertificate | None:
    """Return the certificate that the settings name; None where they name none, and HTTP is spoken in the clear.

    Raises:
        SettingsInvalid: as ``ServerCertificate`` says.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return ServerCertificate(settings.tls_certificate, settings.tls_key, settings.tls_client_ca, metrics)


def _unusable(variables: str, file: Path, error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it is no PEM"
    return f"{variables}: {file} and what belongs to it cannot be used ({reason})."
