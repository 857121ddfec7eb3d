"""``/healthz``, ``/readyz``, ``/info`` and ``/metrics``, and the V2 inference protocol's names for the first two."""

import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.anchors import faiss_search
from service.api.state import ServiceState
from service.bundle.ssr_part import SsrCard
from service.faces.pictures.formats import FORMATS
from service.inference import session
from service.pack import PREPARATION
from service.scoring.calibration import Calibrations, relevant

router = APIRouter(tags=["status"])
probes = APIRouter(tags=["status"])
scraped = APIRouter(tags=["status"])


@probes.get("/healthz", summary="Whether the process is alive")
@router.get("/healthz", summary="Whether the process is alive")
@router.get("/v2/health/live", include_in_schema=False)
@router.head("/healthz", include_in_schema=False)
@router.head("/v2/health/live", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """Answer as long as the process serves HTTP; use it as the liveness probe."""
    return {"status": "alive"}


@router.get("/readyz", summary="Whether the service can answer", responses={503: {"description": "Not ready."}})
@router.get("/v2/health/ready", include_in_schema=False)
@router.head("/readyz", include_in_schema=False)
@router.head("/v2/health/ready", include_in_schema=False)
async def readyz(state: ServiceState) -> JSONResponse:
    """Answer 200 once the models are loaded and warmed by a real run and the anchors are loaded, 503 otherwise.

    A replica that cannot follow, or whose store is away, goes on with what it has and stays ready; the details say so.
    """
    readiness, following = state.readiness, state.follower.state
    status = "ready" if readiness.is_ready else "draining" if readiness.is_draining else "not ready"
    failure = following.failure
    details = {
        "status": status,
        "anchor_set_id": state.registry.current().bundle_id,
        "generation": state.registry.current().generation,
        "newest_generation": following.newest_generation,
        "lagging": state.follower.is_lagging,
        # Why, and where: the log and GET /admin/store say it to those who may know.
        "store": {"reachable": following.is_reachable, "since": following.since.isoformat()},
        "last_error": failure and {"generation": failure.generation, "code": failure.code},
    }
    return JSONResponse(details, 200 if readiness.is_ready else 503)


@router.get("/info", summary="What is served")
async def info(state: ServiceState) -> dict[str, Any]:
    """Tell the versions, the models, the anchor set and its parameters, the methods and the limits."""
    settings, pipeline, snapshot = state.settings, state.pipeline, state.registry.current()
    parameters = snapshot.parameters
    return {
        "service": versions(),
        "device": {
            "models": settings.device,
            "anchors": settings.anchor_device,
            "provider": pipeline.provider,
            "threads": pipeline.threads,
            "workers": state.workers.count,
        },
        "model": {
            "pack": pipeline.manifest.name,
            "description": pipeline.manifest.description,
            "backbone_id": pipeline.backbone_id,
            "pipeline_id": pipeline.pipeline_id,
            "detector": pipeline.manifest.detector.adapter,
            "preparation": asdict(PREPARATION),
            "dimension": pipeline.dimension,
        },
        "anchor_set": {
            "id": snapshot.bundle_id,
            "generation": snapshot.generation,
            "anchors_digest": snapshot.manifest.anchors_digest,
            "count": snapshot.manifest.count,
            "search": settings.anchor_search,
            "k": parameters.k,
            "tau": parameters.tau,
            "strength": parameters.strength,
            "norm_power": parameters.norm_power,
            "provenance": snapshot.manifest.provenance,
        },
        "ssr_head": _head(snapshot.head),
        "calibration": _calibration(snapshot.calibrations),
        "methods": sorted(snapshot.methods),
        "not_served": dict(snapshot.not_served),
        "default_method": snapshot.default_method,
        "anchor_set_default_method": snapshot.manifest.default_method,
        "limits": {
            **asdict(pipeline.gates),
            "image_formats": [kind.name for kind in FORMATS],
            "face_policy": settings.face_policy,
        },
    }


@scraped.get("/metrics", include_in_schema=False)
def metrics(state: ServiceState) -> Response:
    """Answer Prometheus's scrape."""
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _calibration(calibrations: Calibrations | None) -> dict[str, Any] | None:
    """Return what the scores mean and for whom that was measured, None where it was not."""
    if calibrations is None:
        return None
    return {
        "population": calibrations.population,
        "methods": [
            {
                "method": found.method,
                "input_form": found.input_form,
                "parameters": relevant(found.method, found.parameters),
                "fmr_shown_down_to": found.curve.shown_down_to,
                "operating_points": [asdict(point) for point in found.points],
            }
            for found in calibrations.methods
        ],
    }


def _head(card: SsrCard | None) -> dict[str, Any] | None:
    """Return which head predicts densities and of what, None where there is none."""
    return None if card is None else card.model_dump(include={"head_sha256", "target", "k", "tau", "guard"})


def versions() -> dict[str, str]:
    """Return the versions of the service, of Python, and of the engines, as they run."""
    return {
        "version": version("ida-verify"),
        "python": platform.python_version(),
        "onnxruntime": session.engine_version(),
        "faiss": faiss_search.engine_version(),
    }
