"""A pack's networks ready to run, whether it is installed or a folder that is to be added."""

from pathlib import Path

from models.packs.install import check_file
from service.cpus import usable_cpus
from service.errors import PackInvalid
from service.faces.build_extractor import build_extractor, require_adapters
from service.inference.backbone import Backbone
from service.inference.networks import open_network
from service.inference.providers import Placement
from service.inference.runs import RunGraph
from service.pack import MANIFEST_NAME, NetworkRole, PackManifest, load_pack, read_manifest
from service.pipeline import FacePipeline
from service.settings import Settings


def open_pack(given: str, settings: Settings) -> tuple[FacePipeline, list[RunGraph]]:
    """Return a pack's pipeline, and its backbones, in the manifest's order; all run on the CPU.

    Args:
        given: a folder with ``pack.toml``, or the name of an installed pack.
        settings: the service's.

    Raises:
        PackNotFound, PackInvalid: if there is no such pack, or a file is not what its manifest says.
        InferenceFailed: if a network fails.
    """
    folder = Path(given)
    if (folder / MANIFEST_NAME).is_file():
        manifest, takes_batches = read_manifest(folder), set[NetworkRole]()
        files = {role: folder / part.file for role, part in manifest.by_role.items()}
        _check(manifest, folder)
    else:
        pack = load_pack(settings.home, given)
        manifest, files = pack.manifest, dict(pack.files)
        takes_batches = {role for role, entry in pack.receipt.files.items() if entry.batch == "dynamic"}
    require_adapters(manifest)
    placement = Placement(threads=settings.threads or usable_cpus())
    runs: dict[NetworkRole, RunGraph] = {}
    for role, path in files.items():
        fed = manifest.by_role[role].preprocessing
        shape = (1 if fed.colour == "grey" else 3, fed.height, fed.width)
        # A file as it was exported may be fixed to a batch of 1.
        runs[role] = open_network(path, placement, row_shape=shape, takes_batches=role in takes_batches)
    backbones = [runs[role] for role in manifest.backbones_by_role]
    before = {role: run for role, run in runs.items() if role not in manifest.backbones_by_role}
    pipeline = FacePipeline(
        extractor=build_extractor(manifest, before, settings.gates),
        backbone=Backbone(backbones, manifest.backbones),
        manifest=manifest,
        provider=placement.provider,
        threads=placement.threads,
        gates=settings.gates,
    )
    return pipeline, backbones


def _check(manifest: PackManifest, folder: Path) -> None:
    for part in manifest.files:
        try:
            check_file(folder / part.file, part, advice=f"Correct {MANIFEST_NAME} (sha256sum and wc -c tell).")
        except OSError as error:
            raise PackInvalid(f"{folder / part.file} cannot be read: {error.strerror}.") from error
