"""A client of the admin API: its answers as documents, its failures in words."""

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx2

from models.tool_errors import AdminUnreachable
from service.errors import StaleGeneration

# Loading a million anchors takes minutes, and the answer comes when they are loaded.
_TIMEOUT = httpx2.Timeout(30, read=900, write=120)
_PIECE = 1 << 20


class AdminClient:
    """Speaks with the admin API of one replica, or of whichever a proxy chooses. For one thread.

    Every method raises ``AdminUnreachable`` where the service cannot be reached or refuses.
    """

    def __init__(self, url: str, token: str, transport: httpx2.BaseTransport | None = None) -> None:
        """Take an address; nothing is sent yet.

        Args:
            url: of the service, or of the port that the admin API has of its own.
            token: one that the service knows.
            transport: how requests travel; tests pass one that needs no network.

        Raises:
            AdminUnreachable: if SSL_CERT_FILE names a file that cannot be used.
        """
        self.url = url.rstrip("/")
        trusted = _trusted()
        headers = {"Authorization": f"Bearer {token}"}
        # No proxy of the environment: the token is for the service alone.
        self._http = httpx2.Client(
            base_url=f"{self.url}/admin",
            headers=headers,
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,
            verify=True if trusted is None else trusted,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def anchor_sets(self) -> dict[str, Any]:
        """Return GET /admin/anchor-sets."""
        return self._ask("GET", "/anchor-sets")

    def activations(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest activations, newest first."""
        found: list[dict[str, Any]] = self._ask("GET", f"/activations?limit={limit}")["activations"]
        return found

    def replicas(self) -> dict[str, Any]:
        """Return GET /admin/replicas."""
        return self._ask("GET", "/replicas")

    def push(self, archive: Path, bundle_id: str, progress: Callable[[int], object] = lambda _: None) -> dict[str, Any]:
        """Upload a bundle's archive, telling ``progress`` of each piece's size; return what became of it."""
        with archive.open("rb") as file:
            return self._ask(
                "PUT",
                f"/anchor-sets/{bundle_id}",
                content=_pieces(file, progress),
                headers={"Content-Type": "application/x-tar", "Content-Length": str(archive.stat().st_size)},
            )

    def delete(self, bundle_id: str, *, allow_retained: bool) -> None:
        """Remove a bundle from the store."""
        asked = "?allow_retained=true" if allow_retained else ""
        self._ask("DELETE", f"/anchor-sets/{bundle_id}{asked}")

    def activate(
        self, bundle_id: str, *, expected_generation: int | None, dry_run: bool, allow_uncalibrated: bool
    ) -> dict[str, Any]:
        """Make a bundle the active one.

        Raises:
            StaleGeneration: if the newest generation is another than expected.
        """
        document = {
            "id": bundle_id,
            "expected_generation": expected_generation,
            "dry_run": dry_run,
            "allow_uncalibrated": allow_uncalibrated,
        }
        return self._ask("PUT", "/anchor-sets/active", json=document)

    def rollback(
        self, *, expected_generation: int | None, to_generation: int | None, dry_run: bool, allow_uncalibrated: bool
    ) -> dict[str, Any]:
        """Activate the bundle that was active before, or as some generation; raises as ``activate`` does."""
        document = {
            "expected_generation": expected_generation,
            "to_generation": to_generation,
            "dry_run": dry_run,
            "allow_uncalibrated": allow_uncalibrated,
        }
        return self._ask("POST", "/anchor-sets/rollback", json=document)

    def _ask(self, verb: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(verb, path, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AdminUnreachable(
                f"{self.url} cannot be reached ({error or type(error).__name__}). Check --url: it is the service's own "
                "address, or that of its IDA_ADMIN_PORT."
            ) from error
        try:
            document = answer.json() if answer.content else {}
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise AdminUnreachable(f"{self.url} does not answer as the admin API does: check --url.")
        if answer.is_success:
            return document
        raise _failure(answer.status_code, document, self.url)


def _failure(status: int, document: dict[str, Any], url: str) -> AdminUnreachable | StaleGeneration:
    detail = str(document.get("detail", f"status {status}"))
    if status == 401:
        return AdminUnreachable(f"{url} does not know the token. Check --token-file, or IDA_ADMIN_TOKEN.")
    if status == 404 and document.get("code") == "not_found":
        return AdminUnreachable(
            f"{url} has no admin API: it is off without IDA_ADMIN_TOKEN or IDA_ADMIN_TOKEN_FILE, or on the port "
            "IDA_ADMIN_PORT."
        )
    if status == 412:
        return StaleGeneration(detail)
    return AdminUnreachable(detail)


def _pieces(file: BinaryIO, progress: Callable[[int], object]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
        progress(len(piece))


def _trusted() -> ssl.SSLContext | None:
    """Return whose certificates are believed, where SSL_CERT_FILE says so; None for those that the client knows."""
    file = os.environ.get("SSL_CERT_FILE")
    if not file:
        return None
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl.SSLError among them
        raise AdminUnreachable(
            f"SSL_CERT_FILE {file} cannot be used ({error.strerror or error}): it names the certificates that are "
            "believed, PEM."
        ) from error
