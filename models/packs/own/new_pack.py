"""``models new``: a manifest for a backbone, with what its file says, beside the detector of an installed pack."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.packs.own.embedding_length import embedding_length
from models.packs.own.manifest_text import NetworkSection, manifest_text, pack_name_of
from models.packs.own.network_facts import NetworkFacts, read_facts
from models.tool_errors import PackConflict, ReportNotWritten
from service.errors import PackInvalid
from service.pack import CROP_SIDE, MANIFEST_NAME, Colour, InstalledPack, PackFile, Preprocessing

NOT_STATED = "not stated"
_BACKBONE = "backbone.onnx"
_OTHERWISE = "own-backbone.onnx"
_USUAL_FEEDING = (127.5, 127.5)
_CHANNELS: dict[int | None, Colour] = {None: "rgb", 3: "rgb", 1: "grey"}


@dataclass(frozen=True, slots=True)
class NewPack:
    """A folder that was written.

    Attributes:
        folder: with the manifest and its networks; `models add` takes it.
        read: what the backbone's file says, a sentence each.
        to_decide: what it cannot say, and stands in the manifest as a guess, a sentence each.
    """

    folder: Path
    read: tuple[str, ...]
    to_decide: tuple[str, ...]


def new_pack(backbone: Path, folder: Path, donor: InstalledPack, *, name: str | None, licence: str | None) -> NewPack:
    """Write a folder with a manifest for a backbone, the backbone, and the detector and landmarks of another pack.

    Args:
        backbone: an ONNX file from aligned crops to embeddings.
        folder: to be written; it must not be there.
        donor: an installed pack, whose detector, and landmark network where it has one, are copied.
        name: of the pack; the folder's by default.
        licence: of the backbone; None where it is to be filled in.

    Raises:
        PackConflict: if the folder is there already.
        PackInvalid: if the backbone takes no aligned crops or gives no embeddings, or the name is none.
        ReportNotWritten: if the folder cannot be written.
    """
    if folder.exists():
        raise PackConflict(f"{folder} is there already: give another --out.")
    facts = read_facts(backbone)
    channels = _channels(backbone, facts)
    dimension = embedding_length(backbone, channels=channels)
    preprocessing, notes, read, to_decide = _feeding(facts, _CHANNELS[channels])
    read = [f"dimension {dimension}, by a run", *read]
    if licence is None:
        to_decide.append(f'licence: "{NOT_STATED}" in [backbone] is to be what its maker states')
    copied = _of_donor(donor)
    file = _OTHERWISE if _BACKBONE in {section.file for section in copied} else _BACKBONE
    own = NetworkSection(
        "backbone",
        backbone,
        file=file,
        licence=licence or NOT_STATED,
        output=f"(n, {dimension}) embedding, not normalised",
        preprocessing=preprocessing,
        fields=(("dimension", dimension),),
        notes=tuple(notes),
    )
    text = manifest_text(
        name or pack_name_of(folder.resolve().name),
        f"{backbone.name} behind the detector of {donor.manifest.name}",
        [*copied, own],
        # Limits of detector and landmarks; the least norm is that of the donor's backbone.
        face=donor.manifest.face.model_dump(exclude={"least_norm"}, exclude_defaults=True),
        notes=("Written by `ida-verify models new`. What is marked DECIDE the file does not say.",),
    )
    try:
        _write(folder, text, [*copied, own])
    except OSError as error:
        raise ReportNotWritten(f"{folder} cannot be written ({error.strerror or error}).") from error
    return NewPack(folder, tuple(read), tuple(to_decide))


def _channels(path: Path, facts: NetworkFacts) -> int:
    if facts.inputs != 1 or len(facts.shape) != len("nchw"):
        raise PackInvalid(
            f"{path.name} has {facts.inputs} inputs, the first of {len(facts.shape)} axes; a backbone has one, (n, 3, "
            f"{CROP_SIDE}, {CROP_SIDE})."
        )
    if facts.shape[3] in (1, 3) and facts.shape[1] not in (None, 1, 3):
        raise PackInvalid(f"{path.name} takes its channels last, {_told(facts)}: export it with channels first.")
    if facts.shape[1] not in _CHANNELS or any(side not in (None, CROP_SIDE) for side in facts.size):
        raise PackInvalid(
            f"{path.name} takes pictures of {_told(facts)}; a backbone takes aligned crops, (n, 3, {CROP_SIDE}, "
            f"{CROP_SIDE})."
        )
    return facts.shape[1] or 3


def _told(facts: NetworkFacts) -> str:
    return f"({', '.join('any' if axis is None else str(axis) for axis in facts.shape)})"


def _feeding(facts: NetworkFacts, colour: Colour) -> tuple[Preprocessing, list[str], list[str], list[str]]:
    """Return how the backbone is fed, comments on it, and what was read of that and what is to be decided."""
    notes, read, to_decide = [], [], []
    leading = facts.leading
    taken = None if leading is None else leading.takes
    if leading is not None and taken is not None:
        told = f"the network begins with {leading.in_words}, so mean and scale here are {taken[0]:g} and {taken[1]:g}"
        read.append(told)
        notes.append(f"Read from the file: {told}.")
    else:
        told = "mean and scale: 127.5 and 127.5 are insightface's, and a guess"
        if leading is not None:
            told += f"; the network begins with {leading.in_words}"
        to_decide.append(told)
        notes.append(f"DECIDE {told}.")
    if colour == "grey":
        read.append("one grey channel")
    else:
        told = "colour: rgb or bgr, as the network was trained; rgb is a guess"
        to_decide.append(told)
        notes.append(f"DECIDE {told}. `ida-verify models try` compares what there is.")
    mean, scale = taken or _USUAL_FEEDING
    fed = Preprocessing(width=CROP_SIDE, height=CROP_SIDE, colour=colour, mean=mean, scale=scale)
    return fed, notes, read, to_decide


def _of_donor(donor: InstalledPack) -> list[NetworkSection]:
    manifest = donor.manifest
    detector = manifest.detector
    thresholds = (("score_threshold", detector.score_threshold), ("nms_iou", detector.nms_iou))
    found = [_copied("detector", donor, detector, (("adapter", detector.adapter), *thresholds))]
    if manifest.landmarks is not None:
        adapter = (("adapter", manifest.landmarks.adapter),)
        found.append(_copied("landmarks", donor, manifest.landmarks, adapter))
    return found


def _copied(
    name: str, donor: InstalledPack, part: PackFile, fields: tuple[tuple[str, str | float], ...]
) -> NetworkSection:
    return NetworkSection(
        name,
        donor.files[name],
        file=part.file,
        licence=part.licence,
        output=part.output,
        preprocessing=part.preprocessing,
        fields=fields,
        notes=(f"Of the pack {donor.manifest.name}, as it is installed.",),
    )


def _write(folder: Path, text: str, sections: list[NetworkSection]) -> None:
    """Write all of it beside the place, then move it there."""
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.resolve().parent))
    try:
        for section in sections:
            shutil.copyfile(section.path, staging / section.file)
        (staging / MANIFEST_NAME).write_text(text, encoding="utf-8")
        staging.chmod(0o755)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
