"""Checking an answer: its receipt, its embeddings, its models, its bundle, and every figure."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from models.replay.differences import Differences, differences
from models.replay.kept import GivenEmbedding, KeptAnswer
from models.replay.recompute import Compared, recomputed
from models.tool_errors import ReplayImpossible
from service.api.receipts import embedding_sha256, receipt_holds
from service.api.wire.receipt_wire import DigestAnswer
from service.api.wire.verify_wire import VerifyAnswer
from service.bundle.reader import read_manifest
from service.bundle.signature import key_id_of
from service.settings import Settings
from service.snapshot.snapshot import Snapshot, load_snapshot, without_anchor_set
from service.verifier.results import ScoredEmbedding


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay.

    Attributes:
        differs: a line for each thing that is another than the answer says; empty where all is the same.
        notes: what the reader should know besides.
        again: what the service would answer now; None where it could not be computed.
    """

    differs: tuple[str, ...]
    notes: tuple[str, ...]
    again: VerifyAnswer | None


def check_answer(
    kept: KeptAnswer,
    probe: GivenEmbedding,
    references: Sequence[GivenEmbedding | None],
    folder: Path | None,
    settings: Settings,
    key: Ed25519PublicKey | None,
) -> Replayed:
    """Compute an answer again, and say what differs.

    Args:
        kept: the answer.
        probe: its embedding.
        references: of each picture of the reference; None for one that could not be read.
        folder: of the bundle; None for an answer without one.
        settings: whose device, k, tau and strength hold.
        key: by which the answer should be signed; None to leave its receipt alone.

    Raises:
        UnknownMethod, MethodNotServed: if the bundle does not serve the answer's method.
        BundleInvalid, DeviceUnavailable, SettingsInvalid, HeadMismatch, SearchFailed: as ``load_snapshot`` says.
        DimensionMismatch, InvalidEmbedding, TooFewAnchors, InferenceFailed: as ``Snapshot.terms`` says.
    """
    answer = kept.answer
    differs = [*receipt_differs(kept, key), *_of_the_embeddings(answer, probe, references)]
    notes = []
    if key is None and answer.receipt is not None:
        notes.append("the answer is signed, and without --public-key its signature was not looked at")
    named = None if answer.anchor_set is None else answer.anchor_set.id
    if folder is not None:
        backbone_id = read_manifest(folder).backbone_id
        if backbone_id != answer.model.backbone_id:
            differs.append(
                f"model.backbone_id: {answer.model.backbone_id} in the answer, the bundle was made for {backbone_id}; "
                "nothing else can be compared"
            )
            return Replayed(tuple(differs), tuple(notes), None)
    snapshot = _snapshot(answer, folder, settings)
    if snapshot.bundle_id != named:
        differs.append(f"anchor_set.id: {named or 'none'} in the answer, {snapshot.bundle_id} is the bundle's")
    norms = _norms(answer)
    compared = Compared(
        answer,
        _with_norm(probe, norms[0]),
        tuple(None if one is None else _with_norm(one, norm) for one, norm in zip(references, norms[1:], strict=True)),
    )
    best: tuple[Differences, VerifyAnswer] | None = None
    for again in recomputed(compared, snapshot):
        told = differences(answer, again)
        if best is None or len(told.lines) < len(best[0].lines):
            best = told, again
        if not told.lines:
            break
    assert best is not None  # noqa: S101  (there is one way at least)
    differs += [line for line in best[0].lines if not line.startswith("anchor_set")]
    if best[0].rounded:
        notes.append(
            f"of {', '.join(best[0].rounded)} the last digit alone is another, by one, as where another processor, or "
            "a norm of seven digits, adds up"
        )
    return Replayed(tuple(differs), tuple(notes), best[1])


def _snapshot(answer: VerifyAnswer, folder: Path | None, settings: Settings) -> Snapshot:
    if folder is None:
        return without_anchor_set(answer.no_decision_reason or "")
    return load_snapshot(
        folder,
        backbone_id=read_manifest(folder).backbone_id,
        device=settings.anchor_device,
        generation=0,
        k=settings.k,
        tau=settings.tau,
        strength=settings.strength,
        # Where densities were predicted beside a method that needs none, the anchors were not searched.
        search=answer.density_method != "ida-l",
    )


def receipt_differs(kept: KeptAnswer, key: Ed25519PublicKey | None) -> list[str]:
    """Return why an answer's receipt is not what a key signed; nothing where it is, or without a key."""
    if key is None:
        return []
    receipt = kept.answer.receipt
    if receipt is None:
        return ["receipt: the answer is not signed"]
    if receipt.key_id != key_id_of(key):
        return [f"receipt.key_id: {receipt.key_id} in the answer, {key_id_of(key)} is the public key's"]
    if not receipt_holds(kept.document, key):
        return ["receipt.signature: it does not hold, the answer was changed after it was signed"]
    return []


def _of_the_embeddings(
    answer: VerifyAnswer, probe: GivenEmbedding, references: Sequence[GivenEmbedding | None]
) -> list[str]:
    if answer.receipt is None:
        return []
    listed = answer.receipt.embeddings.reference
    places = [("probe", probe, answer.receipt.embeddings.probe)]
    if isinstance(listed, list):
        if len(listed) != len(references):
            return [f"reference: {len(listed)} pictures in the receipt, {len(references)} in the answer"]
        places += [
            (f"reference {number}", one, digest)
            for number, (one, digest) in enumerate(zip(references, listed, strict=True))
            if one is not None and digest is not None
        ]
    elif references[0] is not None:
        places.append(("reference", references[0], listed))
    return [
        f"{place}: the embedding is not the one that was compared, by the receipt's digest"
        for place, one, digest in places
        if not _is_the_one(one, digest)
    ]


def _is_the_one(embedding: GivenEmbedding, digest: DigestAnswer) -> bool:
    return hmac.compare_digest(embedding_sha256(embedding.scored.values), digest.sha256)


def _norms(answer: VerifyAnswer) -> list[float | None]:
    """Return the norms that an answer tells of the probe and each picture: its receipt's, or those of seven digits."""
    if answer.receipt is not None:
        digests = answer.receipt.embeddings
        listed = digests.reference if isinstance(digests.reference, list) else [digests.reference]
        return [digests.probe.norm, *(None if one is None else one.norm for one in listed)]
    checks = [answer.quality_check.probe]
    if answer.template is None:
        checks.append(answer.quality_check.reference)
    else:
        checks += [picture.quality_check or {} for picture in answer.template.pictures]
    return [check["norm"].value if "norm" in check else None for check in checks]


def _with_norm(embedding: GivenEmbedding, told: float | None) -> ScoredEmbedding:
    scored = embedding.scored
    if not embedding.is_scaled or scored.norm is not None:
        return scored
    return ScoredEmbedding(scored.values, told)


def require_folder(answer: VerifyAnswer, folder: Path | None) -> None:
    """Refuse to replay an answer that names a bundle without one.

    Raises:
        ReplayImpossible: naming it.
    """
    if folder is None and answer.anchor_set is not None:
        raise ReplayImpossible(
            f"The bundle {answer.anchor_set.id} of the answer is neither shipped nor in the store: give its folder by "
            "--bundle."
        )
