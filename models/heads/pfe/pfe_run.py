"""From a bundle and labelled faces to a new bundle with an uncertainty head."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import JsonValue

from models.bundles.derive import Change, derive_bundle
from models.heads.needing_torch import training_module
from models.heads.pfe.mated import mated_faces
from models.heads.pfe.pfe_graph import pfe_graph
from models.heads.pfe.pfe_options import PfeOptions
from models.labelled.labelled_faces import LabelledFaces
from models.program import created_by
from models.progress import Stage, unstaged
from service.bundle.head_part import head_contents
from service.bundle.pfe_part import PfeCard
from service.bundle.reader import Bundle
from service.choices import Device
from service.inference.pfe_head import PfeHead
from service.snapshot.head_sources import PfeSource
from service.snapshot.term_sources import open_sources

if TYPE_CHECKING:
    from models.heads.pfe.pfe_training import TrainedPfe

TrainPfe = Callable[..., "TrainedPfe"]

TRAINING_MODULE = "models.heads.pfe.pfe_training"


@dataclass(frozen=True, slots=True, eq=False)
class PfeResult:
    """A head in its new bundle.

    Attributes:
        bundle_id: of the bundle.
        card: the head's.
        trained: how its training went.
    """

    bundle_id: str
    card: PfeCard
    trained: "TrainedPfe"


def train_uncertainty(
    out: Path,
    folder: Path,
    bundle: Bundle,
    sets: Sequence[LabelledFaces],
    options: PfeOptions,
    *,
    device: Device,
    threads: int,
    stage: Stage = unstaged,
) -> PfeResult:
    """Train a head for a bundle's backbone, and write the bundle with it.

    Args:
        out: where to write; must not exist.
        folder: the bundle that is trained for.
        bundle: the same, read.
        sets: labelled faces, whose mated pairs teach the head.
        options: how.
        device: where anchors are searched for the golden pairs.
        threads: CPU threads.
        stage: told what runs and how far it is.

    Raises:
        ExtraMissing: if PyTorch is not installed.
        TrainingImpossible: if too few people have two faces, or the loss is not finite.
        BundleExists, BundleNotWritten, InferenceFailed, SearchFailed: as ``derive_bundle`` says.
    """
    train: TrainPfe = training_module(TRAINING_MODULE).train_pfe
    faces = mated_faces(sets)
    trained = train(faces, options, threads=threads, tick=stage("training"))
    graph = pfe_graph(trained.weights)
    report: dict[str, JsonValue] = {
        "created_by": created_by(),
        "data": [{"name": labelled.name, "faces": int(labelled.detected.sum())} for labelled in sets],
        "people": len(faces),
        "options": asdict(options),
        "best_iteration": trained.best,
        "likelihood_aside": [asdict(check) for check in trained.checks],
    }
    card = PfeCard.of(graph, bundle.manifest, sigma0_squared=trained.sigma0_squared, report=report)
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "head.onnx"
        path.write_bytes(graph)
        sources = open_sources(bundle, device=device, threads=threads).with_head(PfeSource(PfeHead.load(path), card))
        change = Change(
            bundle.manifest.parameters, bundle.manifest.default_method, head_contents(graph, card), created_by()
        )
        bundle_id = derive_bundle(out, folder, bundle, sources, change)
    return PfeResult(bundle_id, card, trained)
