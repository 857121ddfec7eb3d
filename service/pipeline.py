"""The pipeline: a photograph's bytes to an aligned crop, and crops to embeddings, on one model pack."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from service.arrays import Floats32, ImageArray
from service.choices import FacePolicy, Gates
from service.cpus import usable_cpus
from service.errors import PackNotFound
from service.faces.build_extractor import build_extractor, require_adapters
from service.faces.extract import FaceExtractor
from service.faces.liveness import LivenessCheck
from service.faces.pictures.decode import decode_crop
from service.faces.stage_timer import StageTimer, untimed
from service.faces.types import AlignedFace, DetectedFace
from service.inference.backbone import Backbone
from service.inference.networks import Batching, open_network
from service.inference.providers import Placement
from service.inference.runs import RunGraph
from service.inference.small_weights import subnormal_warnings
from service.pack import NetworkRole, PackManifest, Preprocessing, installed_liveness, load_pack
from service.settings import Settings

logger = logging.getLogger(__name__)


class FacePipeline:
    """Everything between a photograph and its embedding. Safe to call from several threads.

    Attributes:
        manifest: the model pack's manifest.
        provider: the ONNX Runtime provider that runs the models.
        threads: threads of one run.
        gates: what a picture must pass.
        least_norm: least length of what ``represent`` gives for a crop of anything that is a face.
        liveness_id: what says whether a face is a live one; None where the liveness part is not installed.
    """

    def __init__(
        self,
        *,
        extractor: FaceExtractor,
        backbone: Backbone,
        manifest: PackManifest,
        provider: str,
        threads: int,
        gates: Gates,
        liveness_id: str | None = None,
    ) -> None:
        self._extractor = extractor
        self._backbone = backbone
        self.manifest = manifest
        self.gates = gates
        self.liveness_id = liveness_id
        self.provider = provider
        self.threads = threads
        self.backbone_id = manifest.backbone_id
        self.pipeline_id = manifest.pipeline_id
        self.dimension = manifest.dimension
        self.least_norm = manifest.face.least_norm

    def with_backbone(self, backbone: Backbone, manifest: PackManifest) -> "FacePipeline":
        """Return the same pipeline with another backbone, and what is said of it."""
        return FacePipeline(
            extractor=self._extractor,
            backbone=backbone,
            manifest=manifest,
            provider=self.provider,
            threads=self.threads,
            gates=self.gates,
            liveness_id=self.liveness_id,
        )

    def extract(
        self, data: bytes, policy: FacePolicy, stage: StageTimer = untimed, *, with_liveness: bool = False
    ) -> AlignedFace:
        """Return the chosen face of a photograph, aligned.

        Args:
            data: bytes of an image of a supported format.
            policy: which of several faces is chosen.
            stage: told when the stages decode, detect, align and liveness run.
            with_liveness: whether it is asked if the face is a live one; nothing is, where the part is missing.

        Raises:
            UnsupportedImageType, ImageTooLarge, ImageUndecodable, NoFace, SeveralFaces, FaceTooSmall: as they say.
        """
        return self._extractor.extract(data, policy, stage, with_liveness=with_liveness)

    def is_large(self, data: bytes) -> bool:
        """Return whether decoding a photograph may take the better part of a second; one that cannot be read is not."""
        return self._extractor.is_large(data)

    def decode(self, data: bytes) -> ImageArray:
        """Return the upright pixels of a photograph, (height, width, 3) uint8, RGB.

        Raises:
            UnsupportedImageType, ImageTooLarge, ImageUndecodable: as they say.
        """
        return self._extractor.decode(data)

    def find_face(self, image: ImageArray, policy: FacePolicy) -> DetectedFace:
        """Return the chosen face of a photograph's pixels.

        Raises:
            NoFace, SeveralFaces, FaceTooSmall: as they say.
        """
        return self._extractor.find(image, policy)

    def find_landmarks(self, image: ImageArray, face: DetectedFace) -> Floats32:
        """Return the five landmarks (5, 2) of a face in its box, wherever that box lies."""
        return self._extractor.locate(image, face)

    def read_crop(self, data: bytes, stage: StageTimer = untimed) -> ImageArray:
        """Return an image that is an aligned crop already: (112, 112, 3) uint8, RGB.

        Raises:
            UnsupportedImageType, ImageTooLarge, ImageUndecodable, InvalidCrop: as they say.
            NoFace: if it shows no face where an aligned crop has it.
            InferenceFailed: if a network fails.
        """
        with stage("decode"):
            crop = decode_crop(data, self.gates)
        with stage("detect"):
            self._extractor.check_crop(crop)
        return crop

    def embed(self, crops: Sequence[ImageArray] | ImageArray) -> Floats32:
        """Return the embeddings of aligned crops: (n, d) float32 of unit norm for n crops (112, 112, 3) uint8, RGB.

        Raises:
            InferenceFailed: if the backbone fails.
        """
        return self._backbone.embed(np.asarray(crops))

    def represent(self, crops: Sequence[ImageArray] | ImageArray) -> Floats32:
        """Return the embeddings of aligned crops as the backbone gives them: (n, d) float32, of norms above 0.

        Raises:
            InferenceFailed: if the backbone fails.
        """
        return self._backbone.represent(np.asarray(crops))

    def shows_no_face(self, norm: float) -> bool:
        """Return whether an embedding's length is one that no face has; 0 stands for a length that tells nothing."""
        return 0 < norm < self.least_norm

    def warm_up(self) -> None:
        """Run every network once, so that the first request does not pay for it.

        Raises:
            InferenceFailed: if one of them fails.
        """
        self._extractor.warm_up()
        self._backbone.embed(np.full((2, 112, 112, 3), 127, np.uint8))


def load_pipeline(
    settings: Settings, *, threads: int = 0, observe: Callable[[int], None] | None = None
) -> FacePipeline:
    """Load the model pack that the settings name.

    Args:
        settings: the service's settings.
        threads: of one run where the settings leave it open; 0 takes all CPUs, as suits a tool that runs alone.
        observe: told the number of crops in each run of the backbone.

    Raises:
        PackNotFound, PackInvalid: if the pack is not in the data folder, or not what its manifest says; and so for the
            liveness part where the settings ask for it, or it is there.
        DeviceUnavailable: if the device that was asked for is not there.
        InferenceFailed: if a network fails on a batch of one of the sizes that it will have.
    """
    pack = load_pack(settings.home, settings.pack)
    require_adapters(pack.manifest)
    if settings.device == "cpu":
        for warning in subnormal_warnings(pack):
            logger.warning("%s", warning)
    threads = settings.threads or threads or usable_cpus()
    runs: dict[NetworkRole, RunGraph] = {}
    for role, path in pack.files.items():
        # On a CPU only the backbone gains by a shared run, which then has all CPUs; the others take turns for nothing.
        joins = settings.joins_requests and (settings.device == "cuda" or role in pack.manifest.backbones_by_role)
        placement = Placement(
            settings.device,
            settings.threads or (usable_cpus() if joins else threads),
            settings.gpu_engine,
            settings.cache_folder / "tensorrt",
        )
        runs[role] = open_network(
            path,
            placement,
            row_shape=_row_shape(pack.manifest.by_role[role].preprocessing),
            takes_batches=pack.receipt.files[role].batch == "dynamic",
            batching=Batching(joins, settings.buckets, settings.batch_delay_ms / 1000),
            observe=observe if role == "backbone" else None,
        )
    liveness = _open_liveness(settings, threads)
    extractor = build_extractor(
        pack.manifest,
        {role: run for role, run in runs.items() if role not in pack.manifest.backbones_by_role},
        settings.gates,
        liveness,
    )
    return FacePipeline(
        extractor=extractor,
        backbone=Backbone([runs[role] for role in pack.manifest.backbones_by_role], pack.manifest.backbones),
        manifest=pack.manifest,
        provider=Placement(settings.device, gpu_engine=settings.gpu_engine).provider,
        threads=threads,
        gates=settings.gates,
        liveness_id=None if liveness is None else liveness.liveness_id,
    )


def _open_liveness(settings: Settings, threads: int) -> LivenessCheck | None:
    """Return the liveness part ready to run, None where it is neither installed nor needed."""
    try:
        part = installed_liveness(settings.home)
    except PackNotFound as error:
        if settings.liveness_policy == "off":
            return None
        raise PackNotFound(f"IDA_LIVENESS_POLICY={settings.liveness_policy}: {error.message}") from error
    run = open_network(
        part.file,
        Placement(settings.device, threads, settings.gpu_engine, settings.cache_folder / "tensorrt"),
        row_shape=_row_shape(part.manifest.liveness.preprocessing),
        batching=Batching(buckets=settings.buckets),
    )
    return LivenessCheck(run, part.manifest)


def _row_shape(size: Preprocessing) -> tuple[int, int, int]:
    return (1 if size.colour == "grey" else 3, size.height, size.width)
