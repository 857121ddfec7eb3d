"""The admin API: which anchor sets there are, which is active, and how every replica follows."""

import json
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError

from service.activation.results import ActivationResult, AnchorSetEntry, ReplicaState
from service.api.admin_schemas import (
    ActivateRequest,
    ActivationAnswer,
    AnchorSetAnswer,
    AnchorSetsAnswer,
    CheckAnswer,
    HistoryAnswer,
    RecordAnswer,
    ReplicaAnswer,
    ReplicasAnswer,
    RollbackRequest,
    UploadAnswer,
)
from service.api.openapi import ADMIN_PROBLEMS, json_body
from service.api.problems import InvalidRequest, Unauthorized, UnsupportedMediaType
from service.api.state import ServiceState
from service.api.uploads import discard, received
from service.errors import BundleUnknown
from service.store.records import BUNDLE_ID

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_DOCUMENT = 64 * 1024
_ARCHIVES = ("application/x-tar", "application/gzip", "application/zip", "application/octet-stream")
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _ARCHIVES},
    }
}

_bearer = HTTPBearer(auto_error=False, description="A token of IDA_ADMIN_TOKEN or IDA_ADMIN_TOKEN_FILE.")


def administrator(
    request: Request, state: ServiceState, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """Return the administrator's name.

    Raises:
        Unauthorized: if the request has no token, or nobody's.
    """
    tokens = state["tokens"]
    name = None if tokens is None else tokens.who(request.headers.get("authorization"))
    if name is None:
        raise Unauthorized("The admin API needs a token: send it as Authorization: Bearer TOKEN.")
    return name


Administrator = Annotated[str, Depends(administrator)]
router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(administrator)], responses=ADMIN_PROBLEMS)


@router.get("/anchor-sets", summary="Which anchor sets there are")
def get_anchor_sets(state: ServiceState) -> AnchorSetsAnswer:
    """List the bundles of the store, and that of the settings: what each holds, and which is active."""
    entries = state["anchor_sets"].entries()
    active = next((entry for entry in entries if entry.state == "active"), None)
    newest = state["anchor_sets"].newest()
    return AnchorSetsAnswer(
        generation=newest, active=active and active.id, anchor_sets=[_entry_answer(entry) for entry in entries]
    )


@router.put("/anchor-sets/active", summary="Activate an anchor set", openapi_extra=json_body(ActivateRequest))
async def put_active(request: Request, state: ServiceState, who: Administrator) -> ActivationAnswer:
    """Load and check a bundle here, make it the active one for every replica, and serve it.

    Asking for what is active already changes nothing. Whatever is wrong, all stays as it was.
    """
    asked = await _document(request, ActivateRequest)
    result = await anyio.to_thread.run_sync(
        lambda: state["anchor_sets"].activate(
            asked.id, expected_generation=asked.expected_generation, dry_run=asked.dry_run, who=who
        )
    )
    return _activation_answer(result)


@router.post("/anchor-sets/rollback", summary="Go back", openapi_extra=json_body(RollbackRequest, required=False))
async def post_rollback(request: Request, state: ServiceState, who: Administrator) -> ActivationAnswer:
    """Activate the bundle that was active before the one that is."""
    asked = await _document(request, RollbackRequest)
    result = await anyio.to_thread.run_sync(
        lambda: state["anchor_sets"].rollback(
            expected_generation=asked.expected_generation, dry_run=asked.dry_run, who=who
        )
    )
    return _activation_answer(result)


@router.put("/anchor-sets/{bundle_id}", summary="Upload an anchor set", status_code=201, openapi_extra=_UPLOAD)
async def put_anchor_set(bundle_id: str, request: Request, response: Response, state: ServiceState) -> UploadAnswer:
    """Put a bundle into the store: its files as .tar, .tar.gz or .zip, under its own bundle_id.

    201 where it is new, 200 where the same bundle is there already. It becomes active by PUT /admin/anchor-sets/active.
    """
    _check_id(bundle_id)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", *_ARCHIVES):
        raise UnsupportedMediaType(f"The body's type is {kind}; send one of {', '.join(_ARCHIVES)}.")
    anchor_sets, limit = state["anchor_sets"], state["settings"].max_bundle_bytes
    if await anyio.to_thread.run_sync(anchor_sets.has, bundle_id):
        await discard(request, max_bytes=limit)
        created = False
    else:
        folder = state["settings"].cache_folder / "uploads"
        async with received(request, folder, max_bytes=limit) as archive:
            created = await anyio.to_thread.run_sync(anchor_sets.upload, archive, bundle_id)
    response.status_code = 201 if created else 200
    return UploadAnswer(id=bundle_id, created=created)


@router.delete("/anchor-sets/{bundle_id}", summary="Delete an anchor set", status_code=204)
def delete_anchor_set(bundle_id: str, state: ServiceState) -> None:
    """Remove a bundle from the store; never the active one, nor one within its retention."""
    _check_id(bundle_id)
    state["anchor_sets"].delete(bundle_id)


@router.get("/activations", summary="What was active when")
def get_activations(
    state: ServiceState, limit: Annotated[int, Query(ge=1, le=1000, description="How many.")] = 50
) -> HistoryAnswer:
    """List the activations, the newest first."""
    found = state["anchor_sets"].history(limit)
    return HistoryAnswer(
        activations=[RecordAnswer.model_validate(record.model_dump(exclude={"nonce"})) for record in found]
    )


@router.get("/replicas", summary="What every replica serves")
def get_replicas(state: ServiceState) -> ReplicasAnswer:
    """List what every replica of the store last said of itself."""
    anchor_sets = state["anchor_sets"]
    return ReplicasAnswer(
        generation=anchor_sets.newest(), replicas=[_replica_answer(found) for found in anchor_sets.replicas()]
    )


def _check_id(bundle_id: str) -> None:
    if not BUNDLE_ID.fullmatch(bundle_id):
        raise BundleUnknown(
            "An anchor set's id is its bundle_id, 16 hexadecimal digits, as `ida-verify anchors push` prints it."
        )


async def _document(request: Request, model: type[Model]) -> Model:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > _LONGEST_DOCUMENT:
            raise InvalidRequest(f"The document is longer than {_LONGEST_DOCUMENT} bytes.")
    try:
        return model.model_validate_json(bytes(content) or b"{}")
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors())
        example = json.dumps(model.model_json_schema()["example"])
        raise InvalidRequest(f"{reasons}. Send a JSON document such as {example}.") from error


def _entry_answer(entry: AnchorSetEntry) -> AnchorSetAnswer:
    renamed = {"is_served": "served_here", "is_retained": "retained", "last_activation": "last_generation"}
    return AnchorSetAnswer(**{renamed.get(name, name): getattr(entry, name) for name in entry.__slots__})


def _activation_answer(result: ActivationResult) -> ActivationAnswer:
    return ActivationAnswer(
        previous=result.previous,
        current=result.current,
        generation=result.generation,
        changed=result.is_changed,
        dry_run=result.is_dry_run,
        checks=[CheckAnswer(name=check.name, detail=check.detail) for check in result.checks],
        golden_drift=result.golden_drift,
        crop_similarity=result.crop_similarity,
        seconds={step: round(seconds, 4) for step, seconds in result.seconds.items()},
    )


def _replica_answer(found: ReplicaState) -> ReplicaAnswer:
    said: dict[str, Any] = found.report.model_dump(exclude={"at", "watch_interval"})
    return ReplicaAnswer(alive=found.is_alive, seen_seconds_ago=round(found.seen_seconds_ago, 3), **said)
