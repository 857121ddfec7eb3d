"""``models add --insightface``: a pack of insightface, from its folder or its ZIP, installed as any other."""

import shutil
from pathlib import Path

from models.packs.install import Step, build_pack
from models.packs.own.insightface import read_insightface
from models.packs.own.insightface_manifest import read_insightface_manifest
from models.packs.own.manifest_text import manifest_text, pack_name_of
from models.packs.own.pack_archive import pack_root, unpack_networks
from models.packs.pull import Outcome, already_installed, notes_on_speed
from models.packs.store import PackStore
from service.errors import PackInvalid, PackNotFound
from service.pack import MANIFEST_NAME, ReceiptSource, file_sha256, load_pack, parse_manifest


def add_insightface(
    store: PackStore, given: Path, *, name: str | None, licence: str | None, force: bool, step: Step
) -> Outcome:
    """Install a pack of insightface.

    Args:
        store: the data folder.
        given: the folder of the pack, or its ZIP; it is only read.
        name: of the installed pack; None for that of the folder, the ZIP or the package's manifest.
        licence: under which the networks are used; None for what the pack states.
        force: replace another pack of the same name.
        step: told what begins.

    Raises:
        PackNotFound: if nothing is there.
        PackInvalid: if it is no pack of insightface, or none that this service can use.
        PackConflict: if another pack of this name is installed or shipped.
        PackStoreBusy, PackStoreUnusable, GraphNotConvertible, InferenceFailed: as they say.
    """
    if not given.exists():
        raise PackNotFound(f"{given} is not there: give the folder or the ZIP of a pack of insightface.")
    with store.changing(), store.staging() as staging:
        root, digest = _opened(given, staging / "unpacked", step)
        step("reading the networks")
        found = read_insightface(root, licence=licence)
        package = read_insightface_manifest(root)
        called = given.stem if given.is_file() else given.resolve().name
        published = package.model_id if package is not None else called
        content = manifest_text(
            name or pack_name_of(published),
            f"insightface's {published}: its SCRFD detector and its recognition network",
            found.sections,
            notes=("Written by `ida-verify models add --insightface`.",),
        ).encode("utf-8")
        manifest = parse_manifest(content, where=MANIFEST_NAME)
        notes = [f"licence: {found.licence}", *found.notes]
        notes += [f"not needed, and left: {', '.join(found.left)}"] if found.left else []
        present = already_installed(store, manifest, force=force, rename="with --name")
        if present is not None:
            return Outcome(present, changed=False, notes=[*notes, *notes_on_speed(present)])
        originals, built = staging / "source", staging / "pack"
        originals.mkdir()
        built.mkdir()
        for section in found.sections:
            shutil.copyfile(section.path, originals / section.file)
        source = ReceiptSource(origin="folder" if digest is None else "zip", sha256=digest, as_published=False)
        build_pack(content, originals, built, sources={"insightface": source}, step=step)
        store.publish(built, manifest.name)
    pack = load_pack(store.home, manifest.name)
    return Outcome(pack, changed=True, notes=[*notes, *notes_on_speed(pack)])


def _opened(given: Path, unpacked: Path, step: Step) -> tuple[Path, str | None]:
    """Return the folder of the pack's networks, and the ZIP's digest; None for a folder."""
    if given.is_dir():
        return pack_root(given), None
    try:
        digest = file_sha256(given)
    except OSError as error:
        raise PackInvalid(f"{given} cannot be read: {error.strerror}.") from error
    step(f"unpacking {given.name}")
    unpacked.mkdir()
    unpack_networks(given, unpacked)
    return pack_root(unpacked), digest
