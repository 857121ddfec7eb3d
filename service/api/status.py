"""``/healthz``, ``/readyz``, ``/info`` and ``/metrics``, and the V2 inference protocol's names for the first two."""

import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.exposition import choose_encoder

from service.api.answering.shared import anchor_set_answer, rounded
from service.api.openapi import answers
from service.api.problem_examples import OF_A_CALLER
from service.api.problems import InvalidRequest, UnknownField
from service.api.query import only_known_query
from service.api.state import ServiceState
from service.api.wire import status_examples as examples
from service.api.wire.status_wire import (
    AliveAnswer,
    CalibrationAnswer,
    CurvesAnswer,
    DeviceAnswer,
    FmrCurveAnswer,
    InfoAnswer,
    LagAnswer,
    LimitsAnswer,
    MethodCalibrationAnswer,
    ReachabilityAnswer,
    ReadinessAnswer,
    ServedAnchorSetAnswer,
    ServedLivenessAnswer,
    ServedModelAnswer,
    SsrHeadAnswer,
    StrataAnswer,
    StratumAnswer,
    VersionsAnswer,
)
from service.api.wire.verify_wire import Name
from service.errors import UnknownMethod
from service.faces.pictures.formats import FORMATS
from service.inference import session
from service.pack import PREPARATION
from service.scoring.calibration import Calibrations, InputForm, MethodCalibration, as_score, relevant
from service.scoring.fmr_curve import FmrCurve
from service.scoring.methods import find_method
from service.scoring.strata import Strata
from service.search import faiss_search
from service.settings import AnchorSearch
from service.snapshot.snapshot import Snapshot

router = APIRouter(tags=["status"])
probes = APIRouter(tags=["status"])
scraped = APIRouter(tags=["status"])


@probes.get("/healthz", responses=answers(examples=examples.ALIVE), summary="Whether the process is alive")
@router.get("/healthz", responses=answers(examples=examples.ALIVE), summary="Whether the process is alive")
@router.get("/v2/health/live", include_in_schema=False)
@router.head("/healthz", include_in_schema=False)
@router.head("/v2/health/live", include_in_schema=False)
async def get_liveness() -> AliveAnswer:
    """Answer as long as the process serves HTTP; use it as the liveness probe."""
    return AliveAnswer(status="alive")


@router.get(
    "/readyz",
    responses=answers(examples=examples.READY)
    | answers(examples=examples.NOT_READY, status=503, model=ReadinessAnswer),
    summary="Whether the service can answer",
)
@probes.get("/readyz", include_in_schema=False)
@router.get("/v2/health/ready", include_in_schema=False)
@router.head("/readyz", include_in_schema=False)
@router.head("/v2/health/ready", include_in_schema=False)
async def get_readiness(state: ServiceState, response: Response) -> ReadinessAnswer:
    """Answer 200 once the models are loaded and warmed by a real run and the anchors are loaded, 503 otherwise.

    A replica that cannot follow, or whose store is away, goes on with what it has and stays ready; the details say so.
    """
    readiness, following, snapshot = state.readiness, state.follower.state, state.registry.current()
    failure = following.failure
    response.status_code = 200 if readiness.is_ready else 503
    return ReadinessAnswer(
        status="ready" if readiness.is_ready else "draining" if readiness.is_draining else "not ready",
        anchor_set_id=snapshot.bundle_id,
        generation=snapshot.generation,
        newest_generation=following.newest_generation,
        lagging=state.follower.is_lagging,
        # Why, and where: the log and GET /admin/store say it to those who may know.
        store=ReachabilityAnswer(reachable=following.is_reachable, since=following.since.isoformat()),
        api_keys="off" if state.keys is None else "read" if state.keys.is_readable else "unreadable",
        last_error=failure and LagAnswer(generation=failure.generation, code=failure.code),
    )


@router.get("/info", responses=answers(*OF_A_CALLER, examples=examples.INFO), summary="What is served")
async def get_info(state: ServiceState) -> InfoAnswer:
    """Tell the versions, the models, the anchor set and its parameters, the methods and the limits."""
    settings, pipeline, snapshot = state.settings, state.pipeline, state.registry.current()
    manifest = snapshot.manifest
    return InfoAnswer(
        service=VersionsAnswer(**versions(settings.revision)),
        device=DeviceAnswer(
            models=settings.device,
            anchors=settings.anchor_device,
            provider=pipeline.provider,
            threads=pipeline.threads,
            workers=state.workers.count,
        ),
        model=ServedModelAnswer(
            pack=pipeline.manifest.name,
            description=pipeline.manifest.description,
            backbone_id=pipeline.backbone_id,
            pipeline_id=pipeline.pipeline_id,
            detector=pipeline.manifest.detector.adapter,
            preparation=PREPARATION,
            dimension=pipeline.dimension,
        ),
        anchor_set=_anchor_set(snapshot, settings.anchor_search),
        no_anchor_set=snapshot.no_anchor_set,
        ssr_head=snapshot.head and SsrHeadAnswer.model_validate(snapshot.head),
        calibration=snapshot.calibrations and _calibration(snapshot.calibrations),
        methods=sorted(snapshot.methods),
        not_served=dict(snapshot.not_served),
        default_method=snapshot.default_method,
        operating_point=settings.operating_point or None,
        anchor_set_default_method=manifest and manifest.default_method,
        limits=LimitsAnswer(
            **asdict(pipeline.gates),
            image_formats=[kind.name for kind in FORMATS],
            face_policy=settings.face_policy,
            quality_policy=settings.quality_policy,
            max_batch=settings.max_batch,
            max_embedding_pairs=settings.max_embedding_pairs,
        ),
        receipt_key_id=None if state.receipts is None else state.receipts.key_id,
        liveness=ServedLivenessAnswer(policy=settings.liveness_policy, liveness_id=pipeline.liveness_id),
    )


@router.get(
    "/info/curves",
    responses=answers(UnknownMethod, InvalidRequest, UnknownField, *OF_A_CALLER, examples=examples.CURVES),
    dependencies=[Depends(only_known_query)],
    summary="The false-match rate of every score",
)
def get_curves(
    state: ServiceState,
    method: Annotated[Name | None, Query(description="Of this one alone; of all if absent.")] = None,
) -> CurvesAnswer:
    """Give the curves of false-match rate against score that are in force, by method and form of input, to draw them.

    A pair's own is that whose stratum its answer names under `population`; that without a stratum is of all pairs.
    """
    snapshot, pipeline_id = state.registry.current(), state.pipeline.pipeline_id
    asked = set(snapshot.methods) if method is None else {find_method(method).name}
    found = [
        snapshot.calibration(name, (form, form), pipeline_id)
        for name in sorted(asked & set(snapshot.methods))
        for form in get_args(InputForm)
    ]
    return CurvesAnswer(
        anchor_set=anchor_set_answer(snapshot),
        curves=[
            curve
            for calibration in found
            if isinstance(calibration, MethodCalibration)
            for curve in _curves(calibration)
        ],
    )


@scraped.get("/metrics", include_in_schema=False)
def metrics(state: ServiceState, request: Request) -> Response:
    """Answer Prometheus's scrape; where traces are made, in the format that has exemplars, if it is asked for."""
    if not state.has_traces:
        return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(state.metrics.registry), media_type=kind)


def _anchor_set(snapshot: Snapshot, search: AnchorSearch) -> ServedAnchorSetAnswer | None:
    parameters, manifest = snapshot.parameters, snapshot.manifest
    if snapshot.bundle_id is None or manifest is None:
        return None
    return ServedAnchorSetAnswer(
        id=snapshot.bundle_id,
        generation=snapshot.generation,
        anchors_digest=manifest.anchors_digest,
        count=manifest.count,
        search=search,
        k=parameters.k,
        tau=parameters.tau,
        strength=parameters.strength,
        norm_power=parameters.norm_power,
        provenance=manifest.provenance,
    )


def _strata(calibration: MethodCalibration, strata: Strata) -> StrataAnswer:
    return StrataAnswer(
        norms=list(strata.cuts),
        strata=[
            StratumAnswer(
                stratum=strata.name(stratum),
                pairs=stratum.pairs,
                people=stratum.people,
                fmr_shown_down_to=stratum.curve.shown_down_to,
                thresholds={
                    point.name: float(f"{calibration.threshold_in(stratum, point):.7g}") for point in calibration.points
                },
            )
            for stratum in strata.strata.values()
        ],
    )


def _calibration(calibrations: Calibrations) -> CalibrationAnswer:
    return CalibrationAnswer(
        population=calibrations.population,
        methods=[
            MethodCalibrationAnswer(
                method=found.method,
                input_form=found.input_form,
                parameters=relevant(found.method, found.parameters),
                fmr_shown_down_to=found.curve.shown_down_to,
                operating_points=list(found.points),
                strata=found.strata and _strata(found, found.strata),
            )
            for found in calibrations.methods
        ],
        limits=dict(calibrations.limits),
        reference_pictures=sorted({1, *(found.pictures for found in calibrations.templates)}),
    )


def _curves(found: MethodCalibration) -> list[FmrCurveAnswer]:
    pooled = _curve(found, found.curve, None, {point.name: point.threshold for point in found.points})
    if found.strata is None:
        return [pooled]
    return [pooled] + [
        _curve(
            found,
            stratum.curve,
            found.strata.name(stratum),
            {point.name: found.threshold_in(stratum, point) for point in found.points},
        )
        for stratum in found.strata.strata.values()
    ]


def _curve(
    found: MethodCalibration, curve: FmrCurve, stratum: str | None, thresholds: dict[str, float]
) -> FmrCurveAnswer:
    scale = find_method(found.method).scale
    stated = [curve.at(score) for score in curve.scores.tolist()]
    return FmrCurveAnswer(
        method=found.method,
        input_form=found.input_form,
        stratum=stratum,
        scale=scale,
        scores=[rounded(as_score(value, scale)) for value in curve.scores.tolist()],
        fmr=[rounded(rate.fmr, 4) for rate in stated],
        fmr_low=[rounded(rate.low, 4) for rate in stated],
        fmr_high=[rounded(rate.high, 4) for rate in stated],
        fmr_shown_down_to=curve.shown_down_to,
        thresholds={name: rounded(threshold) for name, threshold in thresholds.items()},
        operating_points=list(found.points) if stratum is None else [],
    )


def versions(revision: str) -> dict[str, str]:
    """Return the versions of the service, of its code by its revision, of Python, and of the engines, as they run."""
    return {
        "version": version("ida-verify"),
        "revision": revision,
        "python": platform.python_version(),
        "onnxruntime": session.engine_version(),
        "faiss": faiss_search.engine_version(),
    }
