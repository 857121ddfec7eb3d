"""The composition root: the one place that builds the service's objects, and closes them."""

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from operator import attrgetter
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from service.activation.activator import Activator
from service.activation.anchor_sets import AnchorSets
from service.activation.follower import Follower
from service.activation.inventory import Inventory
from service.activation.switch import Switch, describe
from service.api import admin, status
from service.api import batch as batches
from service.api import verify as faces
from service.api.access.key_door import SCOPES_OF_PATHS, KeyDoor
from service.api.access.key_ring import KeyRing
from service.api.admission import Door, Gate
from service.api.attempts import Attempts
from service.api.audit import Auditor, AuditSetup, open_audit
from service.api.compat.peer_errors import PeerErrors
from service.api.compat.peers import Adapters, adapters_of
from service.api.middleware import BodyLimit, RequestScope
from service.api.openapi import DescribedApp
from service.api.pages import docs_router, page_router
from service.api.problems import install_error_handlers
from service.api.receipts import ReceiptSigner, load_receipt_signer
from service.api.state import Readiness, State
from service.api.tokens import Tokens, load_tokens
from service.api.tracing import TraceScope
from service.api.upload_folder import UploadFolder
from service.api.workers import Workers
from service.cpus import usable_cpus
from service.errors import IdaError
from service.loaded import LoadedService, bundle_loader, load
from service.settings import Settings
from service.snapshot.registry import Registry
from service.store.bundle_store import BundleStore
from service.store.records import ReplicaReport, now
from service.telemetry import Metrics
from service.telemetry.metrics import open_metrics
from service.verifier import AgreementMonitor

if TYPE_CHECKING:
    from service.telemetry.traces import Tracing

logger = logging.getLogger(__name__)

# Two images in base64, which adds a third, and room for the rest of the JSON document or the form.
_BASE64_GROWTH = 4 / 3
_BODY_MARGIN = 64 * 1024
# What pages may send besides what they always may.
_HEADERS_OF_PAGES = ("Authorization", "Content-Type", "X-Deadline-Seconds", "X-Request-ID")
# Where the store answers within them, a replica is listed before it is ready.
_FIRST_LOOK_SECONDS = 2.0
# Of the largest size; photographs as they are sent are a fraction of it.
_PAIRS_OF_A_BATCH = 4


def create_app(
    settings: Settings,
    load_service: Callable[[Settings, Metrics], LoadedService] = load,
    used: Metrics | None = None,
    tracing: "Tracing | None" = None,
) -> FastAPI:
    """Return the application; it loads what it serves when its lifespan starts.

    ``app.state.readiness`` is the application's ``Readiness``, for whoever stops the server. ``app.state.inside`` is
    the application of the admin API and the metrics where these have a port of their own, to be started after this
    one; else None.

    Args:
        settings: the service's settings.
        load_service: loads the models and the anchors; tests pass one that gives small ones.
        used: the metrics of what was loaded before; None for new ones.
        tracing: makes the traces of requests; None for none.

    Raises:
        SettingsInvalid: if the administrators' tokens, the callers' keys, or the key that answers are signed by, cannot
            be read, or the audit log cannot be written.
    """
    metrics = used or open_metrics()
    readiness = Readiness(metrics)
    tokens = load_tokens(settings)
    keys = None if settings.api_keys_file is None else KeyRing(settings.api_keys_file)
    audit = open_audit(settings)
    receipts = load_receipt_signer(settings)
    shared: list[State] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, State]]:
        loaded = await anyio.to_thread.run_sync(load_service, settings, metrics)
        state, closing = _assemble(settings, loaded, metrics, readiness, tokens, keys, audit, receipts, tracing)
        if tokens is not None:
            await anyio.to_thread.run_sync(_sweep, loaded.store, state.uploads)
        await anyio.to_thread.run_sync(state.follower.start, _FIRST_LOOK_SECONDS)
        shared.append(state)
        _tell_what_is_served(settings, loaded, state)
        readiness.set(True)
        if keys is not None:
            keys.start(readiness.knows_callers)
            closing.append(keys.close)
        yield {"service": state}
        readiness.set(False)
        for close in closing:
            await anyio.to_thread.run_sync(close)

    @asynccontextmanager
    async def of_the_same_service(_: FastAPI) -> AsyncIterator[dict[str, State]]:
        yield {"service": shared[0]}

    public, inside = [faces.router, batches.router, status.router], [status.scraped]
    if tokens is not None:
        inside.append(admin.router)
    is_apart = settings.admin_port is not None
    public.append(docs_router(is_beside_admin=tokens is not None and not is_apart))
    if settings.page == "on":
        public.append(page_router())
    compat = adapters_of(settings.peers)
    public += compat.routers
    app = _application(lifespan, public if is_apart else public + inside, settings, metrics, keys, compat)
    if tracing is not None:
        app.add_middleware(TraceScope, tracing=tracing)
    if settings.origins:
        # Around all else: a page must be able to read why it was refused, and its browser asks first, without a key.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=_HEADERS_OF_PAGES,
            expose_headers=("Retry-After", "X-Request-ID"),
        )
    app.state.readiness = readiness
    app.state.inside = None
    if is_apart:
        inside = [status.probes, *inside, docs_router(is_beside_admin=True)]
        app.state.inside = _application(of_the_same_service, inside, settings, metrics)
    return app


def _sweep(store: BundleStore, uploads: UploadFolder) -> None:
    """Remove what uploads and pushes that were cut short by the end of their process left behind."""
    uploads.sweep()
    try:
        removed = store.sweep()
    except IdaError as error:
        logger.info("the store stays as it is: %s", error.message)
        return
    if removed:
        logger.info("removed %s files that were cut short from the store", removed)


def _tell_what_is_served(settings: Settings, loaded: LoadedService, state: State) -> None:
    """Log in one line what decides how this replica answers."""
    snapshot = loaded.started.loaded.snapshot
    logger.info(
        "serving",
        extra={
            "version": version("ida-verify"),
            "pack": loaded.pipeline.manifest.name,
            "pipeline_id": loaded.pipeline.pipeline_id,
            "anchor_set_id": snapshot.bundle_id,
            "generation": snapshot.generation,
            "store": settings.store_location,
            "replica": settings.replica_name,
            "provider": loaded.pipeline.provider,
            "threads": loaded.pipeline.threads,
            "workers": state.workers.count,
            "queue": settings.queue,
            "deadline_seconds": settings.deadline_seconds,
            "max_connections": settings.max_connections,
            "max_body_bytes": settings.max_body_bytes,
            "api_keys": "off" if state.keys is None else "read",
            "audit_log": settings.audit_log or "off",
            "receipts": "off" if state.receipts is None else state.receipts.key_id,
            "tls": "off" if settings.tls_certificate is None else "on",
            "compat": settings.compat or "off",
        },
    )


def body_limits(settings: Settings) -> dict[str, int]:
    """Return the most bytes of a request's body, by path."""
    pair = int(2 * settings.max_image_bytes * _BASE64_GROWTH) + _BODY_MARGIN
    compat = adapters_of(settings.peers)
    of_a_pair, of_a_batch = (*faces.PATHS, *compat.computing), (*batches.PATHS, *compat.batches)
    return dict.fromkeys(of_a_pair, pair) | dict.fromkeys(of_a_batch, _PAIRS_OF_A_BATCH * pair)


def _application(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[dict[str, State]]],
    routers: list[APIRouter],
    settings: Settings,
    metrics: Metrics,
    keys: KeyRing | None = None,
    compat: Adapters | None = None,
) -> FastAPI:
    compat = compat or adapters_of(())
    app = DescribedApp(
        title="ida-verify",
        version=version("ida-verify"),
        summary="Face verification with scores calibrated by Inter-class Discrepancy Alignment.",
        lifespan=lifespan,
        generate_unique_id_function=attrgetter("name"),
        # A redirected upload is an empty answer to who does not follow it; "not found" says what is wrong.
        redirect_slashes=False,
        # FastAPI's own pages take their scripts from elsewhere; `pages` has /docs.
        docs_url=None,
        redoc_url=None,
    )
    for router in routers:
        app.include_router(router)
    install_error_handlers(app, metrics)
    app.add_middleware(BodyLimit, limits=body_limits(settings), metrics=metrics)
    app.add_middleware(Door, paths=(*faces.PATHS, *batches.PATHS, *compat.computing), metrics=metrics)
    if keys is not None:
        app.closed_paths = frozenset(SCOPES_OF_PATHS) | compat.keys.scopes.keys()
        app.add_middleware(KeyDoor, keys=keys, metrics=metrics, foreign=compat.keys)
    if compat.tellers:
        app.add_middleware(PeerErrors, tellers=compat.tellers)
    app.add_middleware(RequestScope, metrics=metrics)
    return app


def _assemble(
    settings: Settings,
    loaded: LoadedService,
    metrics: Metrics,
    readiness: Readiness,
    tokens: Tokens | None,
    keys: KeyRing | None,
    audit: AuditSetup,
    receipts: ReceiptSigner | None,
    tracing: "Tracing | None",
) -> tuple[State, list[Callable[[], None]]]:
    """Return what the endpoints use, and what is called one after the other when the service ends."""
    pipeline, store, started = loaded.pipeline, loaded.store, loaded.started
    metrics.build_info.labels(**status.versions(settings.revision), provider=pipeline.provider).set(1)
    describe(metrics, started.loaded)
    snapshot = started.loaded.snapshot
    registry = Registry(snapshot)
    loader = bundle_loader(settings, pipeline, metrics)
    switch = Switch(
        registry=registry, loader=loader, store=store, copies=loaded.copies, built_in=started.built_in, metrics=metrics
    )
    switch.remember(snapshot, started.store_id)
    follower = Follower(
        registry=registry,
        switch=switch,
        store=store,
        metrics=metrics,
        report=ReplicaReport(
            replica=settings.replica_name,
            started=now(),
            version=version("ida-verify"),
            backbone_id=pipeline.backbone_id,
            bundle_id=snapshot.bundle_id,
            generation=snapshot.generation,
            lagging=snapshot.generation < started.newest_generation,
            store_id=started.store_id,
            watch_interval=settings.watch_interval,
        ),
        jitter=settings.watch_jitter,
        newest=started.newest_generation,
        store_id=started.store_id,
    )
    retention = settings.retention_count, timedelta(seconds=settings.retention_seconds)
    turn = threading.Lock()
    activator = Activator(
        store=store, switch=switch, follower=follower, pipeline_id=pipeline.pipeline_id, metrics=metrics, turn=turn
    )
    anchor_sets = AnchorSets(
        store=store,
        loader=loader,
        listing=Inventory(store, registry, started.built_in, retention=retention, keys=loader.keys),
        max_bundle_bytes=settings.max_bundle_bytes,
        turn=turn,
    )
    uploads = UploadFolder(settings.cache_folder / "uploads")
    agreement = AgreementMonitor(settings.agreement_share, metrics.crowding_difference.observe, metrics.count_agreement)
    workers = Workers(settings.workers or usable_cpus(), metrics)
    auditor = Auditor(audit.sink, audit.digest_key, pipeline, metrics)
    state = State(
        settings=settings,
        metrics=metrics,
        pipeline=pipeline,
        registry=registry,
        verifier=loaded.verifier(settings, registry, agreement, metrics),
        workers=workers,
        gate=Gate(settings, workers, metrics),
        readiness=readiness,
        follower=follower,
        anchor_sets=anchor_sets,
        activator=activator,
        tokens=tokens,
        keys=keys,
        auditor=auditor,
        has_traces=tracing is not None,
        attempts=Attempts(),
        uploads=uploads,
        receipts=receipts,
    )
    closing = [] if tracing is None else [tracing.close]
    return state, [workers.close, auditor.close, follower.close, switch.close, agreement.close, uploads.close, *closing]
