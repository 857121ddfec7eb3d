"""What the lifespan builds and the endpoints use, and the alias by which they ask for it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.activation.activator import Activator
from service.activation.anchor_sets import AnchorSets
from service.activation.follower import Follower
from service.api.access.key_ring import KeyRing
from service.api.admission import Gate
from service.api.attempts import Attempts
from service.api.audit import Auditor
from service.api.receipts import ReceiptSigner
from service.api.tokens import Tokens
from service.api.upload_folder import UploadFolder
from service.api.workers import Workers
from service.pipeline import FacePipeline
from service.settings import Settings
from service.snapshot.registry import Registry
from service.telemetry import Metrics
from service.verifier import Verifier


class Readiness:
    """Whether the service is ready to answer, and whether it was told to stop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._is_set = False
        self._knows_callers = True
        self.is_draining = False
        metrics.ready.set(0)
        metrics.draining.set(0)

    @property
    def is_ready(self) -> bool:
        """Whether the service is ready."""
        return self._is_set and self._knows_callers

    def set(self, is_ready: bool) -> None:
        """Say whether the service is ready, but for the callers' keys."""
        self._is_set = is_ready
        self._metrics.ready.set(self.is_ready)

    def knows_callers(self, is_so: bool) -> None:
        """Say whether the callers' keys can be read; a service that must refuse everybody is not ready."""
        self._knows_callers = is_so
        self._metrics.file_unusable.labels("api_keys").set(not is_so)
        self._metrics.ready.set(self.is_ready)

    def drain(self) -> None:
        """Say that the service was told to stop: it still answers, and is not ready for more."""
        self.is_draining = True
        self._metrics.draining.set(1)
        self.set(False)


@dataclass(frozen=True, slots=True)
class State:
    """What every request is answered with; see the class of each. The lifespan yields it under the name ``service``."""

    settings: Settings
    metrics: Metrics
    pipeline: FacePipeline
    registry: Registry
    verifier: Verifier
    gate: Gate
    workers: Workers
    readiness: Readiness
    follower: Follower
    anchor_sets: AnchorSets
    activator: Activator
    tokens: Tokens | None
    keys: KeyRing | None
    auditor: Auditor
    has_traces: bool
    attempts: Attempts
    uploads: UploadFolder
    receipts: ReceiptSigner | None


async def _state(request: Request) -> State:
    # Awaited, because FastAPI has a thread call what is not.
    return request.scope["state"]["service"]  # type: ignore[no-any-return]


ServiceState = Annotated[State, Depends(_state)]
