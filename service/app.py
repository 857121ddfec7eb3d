"""The composition root: the one place that builds the service's objects, and closes them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector

from service.api import faces, status
from service.api.middleware import BodyLimit, RequestScope
from service.api.problems import install_error_handlers
from service.api.state import Readiness, State
from service.api.workers import Workers
from service.bundle.registry import Registry
from service.bundle.snapshot import load_snapshot
from service.cpus import usable_cpus
from service.pipeline import FacePipeline, load_pipeline
from service.settings import Settings
from service.telemetry import Metrics
from service.verifier import AgreementMonitor, Verifier

# Two images in base64, which adds a third, and room for the rest of the JSON document or the form.
_BASE64_GROWTH = 4 / 3
_BODY_MARGIN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """What takes time to load: the models, warmed, and the anchors."""

    pipeline: FacePipeline
    registry: Registry


def load(settings: Settings) -> Loaded:
    """Load and warm the models, then load the anchors.

    Raises:
        StartupError: one of its kinds, saying what to do.
    """
    pipeline = load_pipeline(settings)
    pipeline.warm_up()
    snapshot = load_snapshot(
        settings.bundle,
        backbone_id=pipeline.backbone_id,
        device=settings.anchor_device,
        generation=1,
        k=settings.k,
        tau=settings.tau,
        strength=settings.strength,
        threads=pipeline.threads,
        search=settings.anchor_search == "on",
    )
    return Loaded(pipeline, Registry(snapshot))


def create_app(settings: Settings, load_service: Callable[[Settings], Loaded] = load) -> FastAPI:
    """Return the application; it loads what it serves when its lifespan starts.

    Args:
        settings: the service's settings.
        load_service: loads the models and the anchors; tests pass one that gives small ones.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = Metrics(registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        readiness = Readiness(metrics)
        loaded = await anyio.to_thread.run_sync(load_service, settings)
        _describe(metrics, loaded)
        agreement = AgreementMonitor(settings.agreement_share, metrics)
        readiness.set(True)
        yield State(
            settings=settings,
            metrics=metrics,
            pipeline=loaded.pipeline,
            registry=loaded.registry,
            verifier=Verifier(
                pipeline=loaded.pipeline,
                registry=loaded.registry,
                metrics=metrics,
                default_policy=settings.face_policy,
                agreement=agreement,
            ),
            workers=Workers(settings.workers or usable_cpus()),
            readiness=readiness,
        )
        readiness.set(False)
        await anyio.to_thread.run_sync(agreement.close)

    app = FastAPI(
        title="ida-verify",
        version=version("ida-verify"),
        summary="Face verification with scores calibrated by Inter-class Discrepancy Alignment.",
        lifespan=lifespan,
        # A redirected upload is an empty answer to who does not follow it; "not found" says what is wrong.
        redirect_slashes=False,
    )
    app.include_router(faces.router)
    app.include_router(status.router)
    install_error_handlers(app, metrics)
    max_body = int(2 * settings.max_image_bytes * _BASE64_GROWTH) + _BODY_MARGIN
    app.add_middleware(BodyLimit, max_bytes=max_body, metrics=metrics)
    app.add_middleware(RequestScope, metrics=metrics)
    return app


def _describe(metrics: Metrics, loaded: Loaded) -> None:
    snapshot = loaded.registry.current()
    metrics.build_info.labels(**status.versions(), provider=loaded.pipeline.provider).set(1)
    metrics.anchor_set_info.labels(
        bundle_id=snapshot.bundle_id,
        anchor_set_id=snapshot.manifest.anchor_set_id,
        backbone_id=loaded.pipeline.backbone_id,
    ).set(1)
    metrics.anchor_set_generation.set(snapshot.generation)
    metrics.anchor_set_size.set(snapshot.manifest.count)
