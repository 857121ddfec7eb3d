"""What the lifespan builds and the endpoints use, and the aliases by which they ask for it."""

from typing import Annotated, TypedDict

from fastapi import Depends, Request

from service.api.workers import Workers
from service.bundle.registry import Registry
from service.pipeline import FacePipeline
from service.settings import Settings
from service.telemetry import Metrics
from service.verifier import Verifier


class State(TypedDict):
    """Yielded by the lifespan; Starlette hands it to every request."""

    settings: Settings
    metrics: Metrics
    pipeline: FacePipeline
    registry: Registry
    verifier: Verifier
    workers: Workers
    readiness: "Readiness"


class Readiness:
    """Whether the service is ready to answer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.is_ready = False
        metrics.ready.set(0)

    def set(self, is_ready: bool) -> None:
        """Say whether the service is ready."""
        self.is_ready = is_ready
        self._metrics.ready.set(is_ready)


def _state(request: Request) -> State:
    return request.scope["state"]  # type: ignore[no-any-return]


ServiceState = Annotated[State, Depends(_state)]
