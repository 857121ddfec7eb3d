"""The snapshot: everything that one generation of the service scores with, taken together and never changed."""

from dataclasses import dataclass
from pathlib import Path

from service.anchors.anchor_set import AnchorSet, FloatArray
from service.anchors.face_terms import TermFinder
from service.anchors.faiss_search import FaissSearch
from service.anchors.search import Search
from service.bundle.golden_pairs import GoldenPairs
from service.bundle.manifest import Manifest
from service.bundle.reader import read_bundle
from service.errors import SettingsInvalid
from service.scoring.calibration import Calibrations, InputForm, MethodCalibration
from service.scoring.density import FaceDensities
from service.scoring.methods import Need
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms
from service.settings import Device


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a request scores with from its start to its end. Safe to use from several threads.

    Attributes:
        bundle_id: the bundle it was loaded from.
        generation: which activation it is, counted from 1.
        manifest: what the bundle says of itself.
        anchors: the anchor set.
        search: the search for support sets in it.
        term_finder: finds the terms of faces among the anchors.
        parameters: those in force: the bundle's, unless the settings say otherwise.
        default_method: the method of a request that names none.
        golden: the bundle's golden pairs.
        calibrations: what the bundle's scores mean; None where it was not calibrated.
    """

    bundle_id: str
    generation: int
    manifest: Manifest
    anchors: AnchorSet
    search: Search
    term_finder: TermFinder
    parameters: Parameters
    default_method: str
    golden: GoldenPairs
    calibrations: Calibrations | None

    def terms(self, embeddings: FloatArray, need: Need) -> FaceTerms:
        """Return the terms of faces at the parameters in force.

        Args:
            embeddings: (n, d) float32, unit norm.
            need: which terms must be there.

        Raises:
            DimensionMismatch: if d is not the anchors' dimension.
            InvalidEmbedding: if a value is not finite.
            TooFewAnchors: if the guard leaves fewer anchors than a support set needs.
            SearchFailed: if the search fails.
        """
        return self.term_finder.terms(embeddings, need, self.parameters)

    def densities(self, embeddings: FloatArray) -> FaceDensities:
        """Return the densities of faces at the parameters in force; arguments and errors as for ``terms``."""
        return self.term_finder.densities(embeddings, self.parameters)

    def calibration(
        self, method: str, forms: tuple[InputForm, InputForm], pipeline_id: str | None = None
    ) -> MethodCalibration | str:
        """Return the calibration of a method's scores at the parameters in force, or the reason why there is none.

        Args:
            method: name of the method.
            forms: what the probe and the reference are.
            pipeline_id: the pipeline that embedded them; None where it is not known.
        """
        if self.calibrations is None:
            return "the bundle was not calibrated: run `ida-verify calibrate`"
        return self.calibrations.find(method, forms, self.parameters, pipeline_id)


def load_snapshot(
    folder: Path,
    *,
    backbone_id: str,
    device: Device,
    generation: int,
    k: int | None = None,
    tau: float | None = None,
    strength: float | None = None,
    threads: int = 1,
) -> Snapshot:
    """Load the bundle in a folder, build its index, and prove the index by a search.

    Args:
        folder: the bundle.
        backbone_id: the backbone whose embeddings will be scored.
        device: where the index lies.
        generation: which activation this is.
        k: overrides the bundle's k.
        tau: overrides the bundle's tau.
        strength: overrides the bundle's strength.
        threads: CPU threads of one search.

    Raises:
        BundleInvalid: if the bundle is not what its manifest says.
        BundleMismatch: if it was made for another backbone.
        DeviceUnavailable: if the device is not there.
        SettingsInvalid: if k is more than the bundle has anchors.
        SearchFailed: if the index cannot be searched.
    """
    bundle = read_bundle(folder, backbone_id=backbone_id)
    own = bundle.manifest.parameters
    parameters = Parameters(
        k=own.k if k is None else k,
        tau=own.tau if tau is None else tau,
        strength=own.strength if strength is None else strength,
        cohort=own.cohort,
        guard=own.guard,
    )
    if parameters.k > len(bundle.anchors):
        raise SettingsInvalid(
            f"IDA_K is {parameters.k}, and the bundle {folder} has {len(bundle.anchors)} anchors. Ask for no more."
        )
    search = FaissSearch(bundle.anchors, device=device, threads=threads)
    # A device may take the anchors and still refuse this k: better found now than by the first request.
    term_finder = TermFinder(bundle.anchors, search)
    term_finder.terms(bundle.golden.probes, Need.NEAREST, parameters)
    return Snapshot(
        bundle_id=bundle.bundle_id,
        generation=generation,
        manifest=bundle.manifest,
        anchors=bundle.anchors,
        search=search,
        term_finder=term_finder,
        parameters=parameters,
        default_method=bundle.manifest.default_method,
        golden=bundle.golden,
        calibrations=bundle.calibrations,
    )
