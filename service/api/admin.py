"""The admin API: which anchor sets there are, which is active, and how every replica follows."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from service.activation.outcomes import ActivationResult, ReplicaState, Uploaded
from service.api.authorization import Writer, administrator
from service.api.body import media_type
from service.api.openapi import answers, json_or_form, upload
from service.api.problem_examples import OF_A_BUNDLE, OF_AN_ACTIVATION, OF_AN_ADMINISTRATOR, OF_THE_STORE
from service.api.problems import InvalidRequest, ReadOnlyToken, UnsupportedMediaType
from service.api.state import ServiceState
from service.api.uploads import discard, received
from service.api.wire import admin_examples as examples
from service.api.wire.admin_wire import (
    ActivateRequest,
    AnchorSetsAnswer,
    FailureAnswer,
    HistoryAnswer,
    RecordAnswer,
    ReplicaAnswer,
    ReplicasAnswer,
    RollbackRequest,
    StoreAnswer,
    UploadAnswer,
)
from service.documents import Limits, ModelT, Unreadable, parse_document
from service.errors import (
    AnchorSetInUse,
    BundleIdMismatch,
    BundleUnknown,
    GenerationUnknown,
    NothingToRollBack,
    UploadInvalid,
    UploadTooLarge,
)
from service.store.records import BUNDLE_ID

_DOCUMENT = Limits(64 * 1024, max_objects=8, max_arrays=8, max_values=64)
_ARCHIVES = ("application/octet-stream", "application/x-tar", "application/gzip", "application/zip")
_READING = (*OF_AN_ADMINISTRATOR, *OF_THE_STORE)
_WRITING = (*_READING, ReadOnlyToken)
_UPLOADING = (*_WRITING, *OF_A_BUNDLE, UnsupportedMediaType, UploadTooLarge, UploadInvalid, BundleIdMismatch)

AnchorSetId = Annotated[str, Path(alias="id", description="Of the anchor set.")]
router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(administrator)])


@router.get(
    "/anchor-sets", responses=answers(*_READING, examples=examples.LISTED), summary="Which anchor sets there are"
)
def list_anchor_sets(state: ServiceState) -> AnchorSetsAnswer:
    """List the anchor sets of the store, and that of the settings: what each holds, and which is active."""
    entries = state.anchor_sets.entries()
    active = next((entry for entry in entries if entry.state == "active"), None)
    newest = state.anchor_sets.newest()
    return AnchorSetsAnswer(generation=newest, active=active and active.id, anchor_sets=entries)


@router.put(
    "/anchor-sets/active",
    openapi_extra=json_or_form(ActivateRequest, {"an activation": examples.ACTIVATE_REQUEST}),
    responses=answers(*_WRITING, *OF_AN_ACTIVATION, examples=examples.ACTIVATED),
    summary="Activate an anchor set",
)
async def activate_anchor_set(request: Request, state: ServiceState, who: Writer) -> ActivationResult:
    """Load and check an anchor set here, make it the active one for every replica, and serve it.

    Asking for what is active already changes nothing. Whatever is wrong, all stays as it was. Where requests would lose
    decisions, that is 422 `bundle_uncalibrated`, unless the document allows it.
    """
    asked = await _document(request, ActivateRequest, examples.ACTIVATE_REQUEST)
    return await anyio.to_thread.run_sync(
        lambda: state.activator.activate(
            asked.id,
            expected_generation=asked.expected_generation,
            dry_run=asked.dry_run,
            allow_uncalibrated=asked.allow_uncalibrated,
            who=who,
        )
    )


@router.post(
    "/anchor-sets/rollback",
    openapi_extra=json_or_form(RollbackRequest, {"one step back": examples.ROLLBACK_REQUEST}, required=False),
    responses=answers(*_WRITING, *OF_AN_ACTIVATION, GenerationUnknown, NothingToRollBack, examples=examples.ACTIVATED),
    summary="Go back",
)
async def roll_back(request: Request, state: ServiceState, who: Writer) -> ActivationResult:
    """Activate the anchor set that was active before, each time one further back; or that of a generation."""
    asked = await _document(request, RollbackRequest, examples.ROLLBACK_REQUEST)
    return await anyio.to_thread.run_sync(
        lambda: state.activator.rollback(
            expected_generation=asked.expected_generation,
            to_generation=asked.to_generation,
            dry_run=asked.dry_run,
            allow_uncalibrated=asked.allow_uncalibrated,
            who=who,
        )
    )


@router.put(
    "/anchor-sets/{id}",
    openapi_extra=upload(f"The files of one bundle as .tar, .tar.gz or .zip; also as {', '.join(_ARCHIVES[1:])}."),
    responses=answers(examples=examples.UPLOADED_BEFORE, model=UploadAnswer)
    | answers(*_UPLOADING, examples=examples.UPLOADED, status=201),
    status_code=201,
    summary="Upload an anchor set",
)
async def upload_anchor_set(
    anchor_set_id: AnchorSetId, request: Request, response: Response, state: ServiceState, who: Writer
) -> UploadAnswer:
    """Put an anchor set into the store: its files as .tar, .tar.gz or .zip, under its own id.

    201 where it is new, 200 where the same is there already: what is damaged of that is put right, as `repaired` tells,
    and what is sound is left alone. It becomes active by PUT /admin/anchor-sets/active.
    """
    _check_id(anchor_set_id)
    kind = media_type(request)
    if kind not in ("", *_ARCHIVES):
        raise UnsupportedMediaType(f"The body's type is {kind}; send one of {', '.join(_ARCHIVES)}.")
    anchor_sets, limit = state.anchor_sets, state.settings.max_bundle_bytes
    if await anyio.to_thread.run_sync(anchor_sets.has, anchor_set_id):
        await discard(request, max_bytes=limit)
        uploaded = Uploaded(created=False, mended=())
    else:
        async with received(request, state.uploads, max_bytes=limit) as archive:
            uploaded = await anyio.to_thread.run_sync(partial(anchor_sets.upload, archive, anchor_set_id, who=who))
    response.status_code = 201 if uploaded.created else 200
    return UploadAnswer(id=anchor_set_id, created=uploaded.created, repaired=[*uploaded.mended])


@router.delete(
    "/anchor-sets/{id}",
    responses=answers(*_WRITING, BundleUnknown, AnchorSetInUse),
    status_code=204,
    response_class=Response,  # without a body, and without the type of one
    summary="Delete an anchor set",
)
def delete_anchor_set(
    anchor_set_id: AnchorSetId,
    state: ServiceState,
    who: Writer,
    allow_retained: Annotated[
        bool, Query(description="Also one within its retention, which a rollback may need.")
    ] = False,
) -> None:
    """Remove an anchor set from the store; never the active one, nor one that a running replica serves.

    One within its retention only where `allow_retained` says that it may be.
    """
    _check_id(anchor_set_id)
    state.anchor_sets.delete(anchor_set_id, who=who, allow_retained=allow_retained)


@router.get(
    "/activations",
    responses=answers(*_READING, InvalidRequest, examples=examples.ACTIVATIONS),
    summary="What was active when",
)
def list_activations(
    state: ServiceState, limit: Annotated[int, Query(ge=1, le=1000, description="How many.")] = 50
) -> HistoryAnswer:
    """List the activations, the newest first."""
    found = state.anchor_sets.history(limit)
    return HistoryAnswer(
        activations=[RecordAnswer.model_validate(_with_id(record.model_dump(exclude={"nonce"}))) for record in found]
    )


@router.get(
    "/store",
    responses=answers(*OF_AN_ADMINISTRATOR, examples=examples.STORE),
    summary="How this replica stands to the store",
)
def get_store(state: ServiceState) -> StoreAnswer:
    """Tell where the store is, whether it can be reached from here, and what could not be followed, in words."""
    following = state.follower.state
    failure = following.failure
    return StoreAnswer(
        replica=state.settings.replica_name,
        url=state.anchor_sets.store_url,
        store_id=following.store_id,
        reachable=following.is_reachable,
        since=following.since,
        error=following.store_error,
        newest_generation=following.newest_generation,
        last_error=None
        if failure is None
        else FailureAnswer(
            generation=failure.generation,
            anchor_set_id=failure.bundle_id,
            code=failure.code,
            message=failure.message,
            attempts=failure.attempts,
        ),
    )


@router.get("/replicas", responses=answers(*_READING, examples=examples.REPLICAS), summary="What every replica serves")
def list_replicas(state: ServiceState) -> ReplicasAnswer:
    """List what every replica of the store last said of itself."""
    anchor_sets = state.anchor_sets
    return ReplicasAnswer(
        generation=anchor_sets.newest(), replicas=[_replica_answer(found) for found in anchor_sets.replicas()]
    )


def _check_id(anchor_set_id: str) -> None:
    if not BUNDLE_ID.fullmatch(anchor_set_id):
        raise BundleUnknown("An anchor set's id has 16 hexadecimal digits, as `ida-verify anchors push` prints it.")


async def _document(request: Request, model: type[ModelT], example: Mapping[str, Any]) -> ModelT:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > _DOCUMENT.max_bytes:
            raise InvalidRequest(f"The document is longer than {_DOCUMENT.max_bytes} bytes.")
    try:
        return parse_document(model, bytes(content) or b"{}", _DOCUMENT)
    except Unreadable as error:
        raise InvalidRequest(
            f"The document cannot be used: {error}. Send one such as {json.dumps(example)}."
        ) from error


def _replica_answer(found: ReplicaState) -> ReplicaAnswer:
    said = _with_id(found.report.model_dump(exclude={"at", "watch_interval"}))
    return ReplicaAnswer(alive=found.is_alive, seen_seconds_ago=round(found.seen_seconds_ago, 3), **said)


def _with_id(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of the store with its ids named as the interface names them."""
    return {name.replace("bundle_id", "anchor_set_id"): value for name, value in record.items()}
