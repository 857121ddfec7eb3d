"""The snapshot: everything that one generation of the service scores with, taken together and never changed."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from service.arrays import Floats, Floats32
from service.bundle.bundle_manifest import Manifest
from service.bundle.golden_pairs import GoldenPairs
from service.bundle.reader import read_bundle
from service.bundle.signature import Signer
from service.bundle.ssr_part import SsrCard
from service.choices import Device, FacePolicy
from service.errors import MethodNotServed, SettingsInvalid
from service.scoring.calibration import Calibrations, InputForm, MethodCalibration
from service.scoring.methods import COSINE, METHODS, Method, find_method
from service.scoring.parameters import Parameters
from service.scoring.population import LimitsInForce
from service.scoring.terms import PREDICTION, SUPPORT, FaceTerms, Statistic
from service.snapshot.density_cache import DensityCache
from service.snapshot.served_methods import default_method, not_served
from service.snapshot.term_sources import TermSources, open_sources

logger = logging.getLogger(__name__)

_NOT_CALIBRATED = "the anchor set was not calibrated: run `ida-verify calibrate`"


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a request scores with from its start to its end. Safe to use from several threads.

    Attributes:
        bundle_id: the bundle it was loaded from; None where no anchor set is served, but cosine alone.
        generation: which activation it is, counted from 1; 0 for the bundle that the settings name.
        manifest: what the bundle says of itself; None without one.
        sources: give the terms of faces.
        parameters: those in force: the bundle's, unless the settings say otherwise.
        default_method: the method of a request that names none.
        not_served: why each method that is not served is not, by its name.
        golden: the bundle's golden pairs; None without one.
        calibrations: what the bundle's scores mean; None where it was not calibrated.
        head: the card of the bundle's SSR head; None where it has none.
        cache: keeps the densities of the faces used last; None where each is searched for.
        signer: who signed the bundle; None where that was not asked, or it needs no signature.
        no_anchor_set: why no anchor set is served; None where one is.
    """

    bundle_id: str | None
    generation: int
    manifest: Manifest | None
    sources: TermSources
    parameters: Parameters
    default_method: str
    not_served: Mapping[str, str]
    golden: GoldenPairs | None
    calibrations: Calibrations | None
    head: SsrCard | None
    cache: DensityCache | None = None
    signer: Signer | None = None
    no_anchor_set: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that are served."""
        return tuple(name for name in METHODS if name not in self.not_served)

    def density_for(self, method: Method) -> Statistic | None:
        """Return what tells the densities beside a method's score, whether it needs them or not.

        That is what the method needs; where it needs none, what the default method does; where that needs none
        either, a search, or the SSR head where the anchors are not searched. None without an anchor set.
        """
        if self.manifest is None:
            return None
        for statistic in (*method.needs, *METHODS[self.default_method].needs):
            if "log_density" in statistic.terms:
                return statistic
        return SUPPORT if SUPPORT in self.sources.provides else PREDICTION

    def method(self, name: str | None) -> Method:
        """Return the method of a name, the default one for None.

        Raises:
            UnknownMethod: if there is no such method.
            MethodNotServed: if there is, and it is not served here.
        """
        asked = find_method(self.default_method if name is None else name)
        if asked.name in self.not_served:
            raise MethodNotServed(
                f"The method {asked.name} is not served here: {self.not_served[asked.name]}. Ask for one of: "
                f"{', '.join(self.methods)}."
            )
        return asked

    def terms(
        self,
        embeddings: Floats32,
        needs: Sequence[Statistic],
        norms: Floats | None = None,
        *,
        is_kept: bool = True,
    ) -> FaceTerms:
        """Return the terms of faces at the parameters in force.

        Args:
            embeddings: (n, d) float32, unit norm.
            needs: those of methods that are served.
            norms: (n,), lengths of what the backbone gave, 0 where one is not known; None where none is.
            is_kept: whether what costs more to find than to keep is looked up in the cache, and kept there.

        Raises:
            DimensionMismatch: if d is not the anchors' dimension.
            InvalidEmbedding: if a value is not finite.
            TooFewAnchors: if the guard leaves fewer anchors than a support set needs.
            InferenceFailed, SearchFailed: if a head or the search fails.
        """
        found = FaceTerms()
        for statistic in needs:
            if not statistic.rests_on:
                found = found.joined(self._terms(embeddings, statistic, is_kept))
        known = np.zeros(len(embeddings), np.float32) if norms is None else norms
        return self.sources.concluded(found, needs, self.parameters, known)

    def _terms(self, embeddings: Floats32, statistic: Statistic, is_kept: bool) -> FaceTerms:
        def find(faces: Floats32) -> FaceTerms:
            return self.sources.terms(faces, (statistic,), self.parameters)

        if self.cache is None or not (is_kept and statistic.is_kept):
            return find(embeddings)
        return self.cache.terms(embeddings, statistic, find)

    def calibration(
        self,
        method: str,
        forms: tuple[InputForm, InputForm],
        pipeline_id: str | None = None,
        face_policy: FacePolicy | None = None,
        pictures: int = 1,
    ) -> MethodCalibration | str:
        """Return the calibration of a method's scores at the parameters in force, or the reason why there is none.

        Args:
            method: name of the method.
            forms: what the probe and the reference are.
            pipeline_id: the pipeline that embedded them; None where it is not known.
            face_policy: by which one of several faces was chosen; None where there was no choice.
            pictures: of the reference.
        """
        if self.no_anchor_set is not None:
            return self.no_anchor_set
        if self.calibrations is None:
            return _NOT_CALIBRATED
        calibrations = self.calibrations if pictures == 1 else self.calibrations.of_templates(pictures)
        if isinstance(calibrations, str):
            return calibrations
        return calibrations.find(method, forms, self.parameters, pipeline_id, face_policy)

    def limits_in_force(self, form: InputForm, pipeline_id: str | None = None) -> LimitsInForce:
        """Return beyond what no rate is vouched for at the parameters in force; arguments as for ``calibration``."""
        if self.calibrations is None:
            return LimitsInForce.none(_NOT_CALIBRATED)
        return self.calibrations.limits_in_force(form, self.parameters, pipeline_id)

    def unified_quality(self, norm: float | None, form: InputForm, pipeline_id: str | None = None) -> float | None:
        """Return the unified quality of a face by its norm, as ``Calibrations.unified_quality`` does."""
        if norm is None or self.calibrations is None:
            return None
        return self.calibrations.unified_quality(norm, form, pipeline_id)


def without_anchor_set(reason: str) -> Snapshot:
    """Return what serves cosine alone, as generation 0, until an anchor set is activated.

    Args:
        reason: why no anchor set is served, for whoever asks for more.
    """
    return Snapshot(
        bundle_id=None,
        generation=0,
        manifest=None,
        sources=TermSources(),
        parameters=Parameters(),
        default_method=COSINE,
        not_served=MappingProxyType({name: reason for name, method in METHODS.items() if method.needs}),
        golden=None,
        calibrations=None,
        head=None,
        no_anchor_set=reason,
    )


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
    search: bool = True,
    cache: DensityCache | None = None,
) -> Snapshot:
    """Load the bundle in a folder, build its index and load its heads, and prove each by a run.

    Args:
        folder: the bundle.
        backbone_id: the backbone whose embeddings will be scored.
        device: where the index lies.
        generation: which activation this is.
        k: overrides the bundle's k.
        tau: overrides the bundle's tau.
        strength: overrides the bundle's strength.
        threads: CPU threads of one search.
        search: whether the anchors are searched; without it neither they nor an index stay in memory.
        cache: an empty one for the densities that are found; None for none.

    Raises:
        BundleInvalid: if the bundle is not what its manifest says, or its default method needs a head that it lacks.
        BundleMismatch: if it was made for another backbone.
        HeadMismatch: if its SSR head was trained for another bundle.
        DeviceUnavailable: if the device is not there.
        SettingsInvalid: if the settings ask for what the bundle cannot do.
        SearchFailed: if the index cannot be searched.
    """
    bundle = read_bundle(folder, backbone_id=backbone_id)
    own = bundle.manifest.parameters
    asked = {"k": k, "tau": tau, "strength": strength}
    parameters = own.changed(**{name: value for name, value in asked.items() if value is not None})
    if parameters.k > bundle.manifest.count:
        raise SettingsInvalid(
            f"IDA_K is {parameters.k}, and the bundle {folder} has {bundle.manifest.count} anchors. Ask for no more."
        )
    sources = open_sources(bundle, device=device, threads=threads, search=search)
    refused = not_served(sources, parameters)
    method = default_method(bundle.manifest.default_method, sources, refused)
    if method != bundle.manifest.default_method:
        logger.warning(
            "the anchors are not searched: requests that name no method get %s, not the anchor set's own %s",
            method,
            bundle.manifest.default_method,
        )
    sources.prove(bundle.golden.probes, bundle.manifest.parameters, parameters)
    return Snapshot(
        bundle_id=bundle.bundle_id,
        generation=generation,
        manifest=bundle.manifest,
        sources=sources,
        parameters=parameters,
        default_method=method,
        not_served=MappingProxyType(refused),
        golden=bundle.golden,
        calibrations=bundle.calibrations,
        head=None if bundle.head is None else bundle.head.card,
        cache=cache,
    )
