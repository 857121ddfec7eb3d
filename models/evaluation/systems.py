"""What is evaluated: a bundle's anchors with every method, and the variants of each method."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.labelled.calibration_people import CalibrationPeople, read_people
from models.labelled.pairs.sweep import BlockScorer
from service.arrays import Floats32
from service.bundle.anchors_part import Anchors
from service.bundle.reader import Bundle, read_bundle
from service.choices import Device
from service.cpus import usable_cpus
from service.scoring.methods import COSINE, METHODS, Method, methods_of
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms, Statistic
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.term_sources import TermSources, open_sources


@dataclass(frozen=True, slots=True)
class Variant:
    """A method with its parameters.

    Attributes:
        label: what the report calls it.
        method: the method.
        parameters: its parameters.
    """

    label: str
    method: Method
    parameters: Parameters


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """A bundle that is evaluated.

    Attributes:
        name: name of its folder.
        bundle: the bundle.
        sources: give the terms of faces.
        people: whom it was calibrated on.
    """

    name: str
    bundle: Bundle
    sources: TermSources
    people: CalibrationPeople


def load_system(folder: Path, *, backbone_id: str, device: Device) -> System:
    """Load a bundle, its head if it has one, and index its anchors.

    Raises:
        BundleInvalid, BundleMismatch, HeadMismatch: as ``read_bundle`` says.
        DeviceUnavailable: if the device is not there.
        CalibrationImpossible: if its calibration's report cannot be read.
    """
    bundle = read_bundle(folder, backbone_id=backbone_id)
    sources = open_sources(bundle, device=device, threads=usable_cpus())
    return System(folder.resolve().name, bundle, sources, read_people(folder))


def term_finder(anchors: Anchors, device: Device) -> TermFinder:
    """Return the finder of terms among anchors, which searches with all CPUs."""
    return TermFinder(anchors, FaissSearch(anchors, device=device, threads=usable_cpus()))


def variants(system: System, methods: Sequence[str] | None) -> tuple[Variant, ...]:
    """Return every asked method but the cosine at a bundle's parameters, and DAO methods also as Eq. 4 has them.

    Args:
        system: the bundle.
        methods: names of methods; None for all that the bundle has the parts for.

    Raises:
        MethodNotServed: if the bundle lacks what an asked method needs.
    """
    parameters = system.bundle.manifest.parameters
    system.sources.require(methods or ())
    found = []
    for name in methods_of(system.sources.provides) if methods is None else methods:
        method = METHODS[name]
        if not method.needs:
            continue
        if "pfe_strength" in method.parameters:
            found.append(Variant(f"{name}, a = {parameters.pfe_strength:g}", method, parameters))
            continue
        if "strength" not in method.parameters:
            found.append(Variant(name, method, parameters))
            continue
        paper = parameters.changed(strength=1.0, norm_power=0.0)
        power = f", p = {parameters.norm_power:g}" if parameters.norm_power else ""
        found.append(Variant(f"{name}, a = {parameters.strength:g}{power}", method, parameters))
        if parameters != paper:
            found.append(Variant(f"{name}, a = 1", method, paper))
    return tuple(found)


def scorers(embeddings: Floats32, norms: Floats32, system: System, wanted: Sequence[Variant]) -> list[BlockScorer]:
    """Return a scorer of the faces for each variant, all variants with the same need sharing one search.

    Args:
        embeddings: (n, d) float32, unit norm.
        norms: (n,) float32, lengths of what the backbone gave, 0 where one is not known.
        system: gives the terms.
        wanted: variants that differ at most in what a pair's scores depend on, not in what a face's terms do.
    """
    terms: dict[tuple[Statistic, ...], FaceTerms] = {}
    found = []
    for variant in wanted:
        needs = variant.method.needs
        if needs not in terms:
            found_terms = system.sources.terms(embeddings, needs, variant.parameters, norms)
            terms[needs] = found_terms.with_norms(norms, variant.parameters)
        found.append(BlockScorer(embeddings, variant.method, terms[needs], variant.parameters))
    return found


def cosine_scorer(embeddings: Floats32) -> BlockScorer:
    """Return the cosine's scorer of the faces (n, d)."""
    return BlockScorer(embeddings, METHODS[COSINE], None, Parameters())
