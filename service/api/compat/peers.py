"""The peers whose requests can be answered, and what the doors before the endpoints must know of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import APIRouter

from service.api.access.key_door import ForeignKeys
from service.api.access.key_file import KeyScope
from service.api.compat import compreface, deepface, facepp, localai, oip, oip_models
from service.api.compat.peer_errors import ErrorTeller
from service.choices import Peer


@dataclass(frozen=True, slots=True)
class Adapter:
    """One peer.

    Attributes:
        router: its endpoints, all below ``/compat/NAME/``.
        computing: the paths that compute, and the scope that a key must have for each.
        tell_error: says errors in its shape.
        told: the paths that say what is served, by the scope of comparing: clients of the protocol ask them first.
        batches: those of ``computing`` that may hold a batch.
        key_header: where its clients send their key, besides ``Authorization``.
        has_key_in_body: whether they send it in the body.
    """

    router: APIRouter
    computing: Mapping[str, KeyScope]
    tell_error: ErrorTeller
    told: tuple[str, ...] = ()
    batches: frozenset[str] = frozenset()
    key_header: str | None = None
    has_key_in_body: bool = False


_INFER: Mapping[str, KeyScope] = {
    model.infer_path: "embed" if name == oip_models.EMBED_PICTURES else "verify"
    for name, model in oip_models.MODELS.items()
}

ADAPTERS: Mapping[Peer, Adapter] = MappingProxyType(
    {
        "deepface": Adapter(
            deepface.router, {deepface.VERIFY: "verify", deepface.REPRESENT: "embed"}, deepface.tell_error
        ),
        "compreface": Adapter(
            compreface.router,
            {compreface.VERIFICATION: "verify"},
            compreface.tell_error,
            key_header=compreface.KEY_HEADER,
        ),
        "facepp": Adapter(facepp.router, {facepp.COMPARE: "verify"}, facepp.tell_error, has_key_in_body=True),
        "localai": Adapter(localai.router, {localai.FACE_VERIFY: "verify"}, localai.tell_error),
        "oip": Adapter(
            oip.router,
            _INFER,
            oip.tell_error,
            told=tuple(
                f"{oip_models.FOLDER}{path}"
                for path in (
                    "",
                    "/health/live",
                    "/health/ready",
                    *(f"/models/{name}{end}" for name in oip_models.MODELS for end in ("", "/ready")),
                )
            ),
            batches=frozenset(_INFER),
        ),
    }
)
"""Every peer, by the name that ``IDA_COMPAT`` calls it."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """Those that are asked for, taken together; see ``Adapter``.

    Attributes:
        routers: their endpoints.
        computing: their paths that compute.
        batches: those of them that may hold a batch.
        keys: what the door that asks for keys must know.
        tellers: who says their errors, by folder.
    """

    routers: tuple[APIRouter, ...]
    computing: tuple[str, ...]
    batches: frozenset[str]
    keys: ForeignKeys
    tellers: Mapping[str, ErrorTeller]


def adapters_of(peers: Collection[Peer]) -> Adapters:
    """Return the adapters of some peers."""
    chosen = {name: ADAPTERS[name] for name in peers}
    scopes: dict[str, KeyScope] = {}
    headers: dict[str, str] = {}
    for adapter in chosen.values():
        scopes |= {**dict.fromkeys(adapter.told, "verify"), **adapter.computing}
        if adapter.key_header is not None:
            headers |= dict.fromkeys(adapter.computing, adapter.key_header)
    late = frozenset(path for adapter in chosen.values() if adapter.has_key_in_body for path in adapter.computing)
    return Adapters(
        routers=tuple(adapter.router for adapter in chosen.values()),
        computing=tuple(path for adapter in chosen.values() for path in adapter.computing),
        batches=frozenset(path for adapter in chosen.values() for path in adapter.batches),
        keys=ForeignKeys(scopes, headers, late),
        tellers={f"/compat/{name}/": adapter.tell_error for name, adapter in chosen.items()},
    )
