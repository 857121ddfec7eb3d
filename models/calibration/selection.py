"""Choosing the parameters of ida-r: over folds of people, never over pooled scores, and never at the cosine's cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.resampling import WeightArray, fnmr_at_fmr, interval, person_weights
from models.labelled.pairs.sweep import DEFAULT_KEEP_SHARE, BlockScorer
from models.labelled.rates.measured import measured_fmrs
from models.labelled.rates.threshold_rates import smoothed_fnmr
from models.progress import Tick, silent
from models.tool_errors import CalibrationImpossible
from service.arrays import Floats64
from service.scoring.density import log_density
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

_MOST_CHECKED = 25


@dataclass(frozen=True, slots=True)
class Grid:
    """The parameters that are tried, each combination.

    Attributes:
        strengths: above 0; the cosine, which is strength 0, is always among the candidates.
        ks: anchors in a support set.
        taus: inverse temperatures.
        norm_powers: exponents of the faces' norms, 0 for the paper's densities.
        margin: how much worse than the cosine counts as noise, in standard errors of the cosine's FNMR.
    """

    strengths: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
    ks: tuple[int, ...] = (5, 10, 20)
    taus: tuple[float, ...] = (1.0, 5.0, 10.0, 20.0, 40.0)
    norm_powers: tuple[float, ...] = (0.0, 0.3, 1.0, 3.0)
    margin: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fold of the people of one set.

    Attributes:
        faces: the m faces that can be compared.
        support: (m, k) float64, similarities to the nearest anchors in descending order, for the largest k tried.
    """

    faces: Comparable
    support: Floats64

    def compare(self, parameters: Parameters | None) -> Comparisons:
        """Return the scored pairs: by ida-r with parameters, by cosine with None."""
        faces, terms = self.faces, None
        if parameters is not None:
            density = log_density(self.support[:, : parameters.k], parameters.tau)
            terms = FaceTerms(log_density=density).with_norms(faces.norms, parameters)
        method = METHODS["cosine" if parameters is None else "ida-r"]
        scorer = BlockScorer(faces.embeddings, method, terms, parameters or Parameters())
        pairs = len(faces.rows) * (len(faces.rows) - 1) // 2
        return faces.compare(scorer, keep=int(DEFAULT_KEEP_SHARE * pairs) + 1000)


@dataclass(frozen=True, slots=True)
class Difference:
    """How candidate and cosine differ on one set at one false-match rate, averaged over the folds.

    Attributes:
        set_name: the set.
        fmr: the false-match rate.
        cosine_fnmr: the cosine's FNMR.
        fnmr: the candidate's.
        gain: how much lower the candidate's is.
        gain_low: lower end of its 95 % interval, people resampled, both methods on the same people.
        gain_high: upper end.
        margin: how far below 0 ``gain_low`` may lie to pass for noise.
    """

    set_name: str
    fmr: float
    cosine_fnmr: float
    fnmr: float
    gain: float
    gain_low: float
    gain_high: float
    margin: float

    @property
    def harmless(self) -> bool:
        """Whether the candidate is not worse than the cosine beyond noise."""
        return self.gain_low >= -self.margin


@dataclass(frozen=True, slots=True)
class Candidate:
    """One combination of parameters.

    Attributes:
        parameters: the combination.
        objective: mean log ratio of its FNMR to the cosine's, over sets and false-match rates; below 0 is better.
        differences: its comparison with the cosine; empty where it was not looked at.
    """

    parameters: Parameters
    objective: float
    differences: tuple[Difference, ...] = ()

    @property
    def harmless(self) -> bool:
        """Whether it was looked at and is nowhere worse than the cosine beyond noise."""
        return bool(self.differences) and all(difference.harmless for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen.

    Attributes:
        method: "ida-r", or "cosine" where no candidate is better and harmless.
        parameters: the chosen ones; strength 0 with the cosine.
        candidates: all that were tried, the best first.
        fmrs: by set, the false-match rates that its folds measure.
    """

    method: str
    parameters: Parameters
    candidates: tuple[Candidate, ...]
    fmrs: dict[str, tuple[float, ...]]


def select(
    folds: Sequence[Fold], base: Parameters, grid: Grid, *, replicates: int, seed: int, tick: Tick = silent
) -> Selection:
    """Choose the parameters of ida-r, or the cosine.

    Args:
        folds: of one or more sets; no person is in two folds.
        base: gives the parameters that are not tried.
        grid: the parameters that are.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        tick: told the share done.

    Raises:
        CalibrationImpossible: if no set has folds large enough to measure a false-match rate of 1e-2.
    """
    cosines = [fold.compare(None) for fold in folds]
    fmrs = _fmrs(cosines)
    if not fmrs:
        raise CalibrationImpossible(
            "No fold has the 3,000 pairs of different people that measure a false-match rate of 1e-2: add people, or "
            "ask for fewer folds."
        )
    used = [number for number, fold in enumerate(folds) if fold.faces.name in fmrs]
    folds, cosines = [folds[number] for number in used], [cosines[number] for number in used]
    reference = _mean_fnmr(cosines, fmrs)
    candidates = []
    # Norms that nobody knows make all powers one.
    powers = grid.norm_powers if any(np.any(fold.faces.norms) for fold in folds) else (0.0,)
    combinations = list(product(grid.strengths, grid.ks, grid.taus, powers))
    for done, (strength, k, tau, norm_power) in enumerate(combinations):
        parameters = base.changed(strength=strength, k=k, tau=tau, norm_power=norm_power)
        found = _mean_fnmr([fold.compare(parameters) for fold in folds], fmrs)
        ratios = [np.mean(np.log(found[name] / reference[name])) for name in fmrs]
        candidates.append(Candidate(parameters, float(np.mean(ratios))))
        tick((done + 1) / (len(combinations) + 1))
    candidates.sort(key=lambda candidate: candidate.objective)
    weights = [person_weights(found.people, replicates, seed + number) for number, found in enumerate(cosines)]
    chosen = None
    for rank, candidate in enumerate(candidates[:_MOST_CHECKED]):
        if candidate.objective >= 0:
            break
        compared = [fold.compare(candidate.parameters) for fold in folds]
        looked_at = replace(candidate, differences=_differences(cosines, compared, fmrs, weights, grid.margin))
        candidates[rank] = looked_at
        if looked_at.harmless:
            chosen = looked_at
            break
    tick(1.0)
    if chosen is None:
        return Selection("cosine", base.changed(strength=0.0), tuple(candidates), fmrs)
    return Selection("ida-r", chosen.parameters, tuple(candidates), fmrs)


def _fmrs(cosines: Sequence[Comparisons]) -> dict[str, tuple[float, ...]]:
    """Return the rates that the smallest fold of each set measures, sets without one left out."""
    smallest: dict[str, int] = {}
    for found in cosines:
        smallest[found.name] = min(found.non_mated, smallest.get(found.name, found.non_mated))
    return {name: measured_fmrs(pairs) for name, pairs in smallest.items() if measured_fmrs(pairs)}


def _mean_fnmr(compared: Sequence[Comparisons], fmrs: dict[str, tuple[float, ...]]) -> dict[str, Floats64]:
    """Return the FNMR of each set at its rates, each fold at its own thresholds, averaged over the folds."""
    return {
        name: np.mean([smoothed_fnmr(found, rates) for found in compared if found.name == name], axis=0)
        for name, rates in fmrs.items()
    }


def _differences(
    cosines: Sequence[Comparisons],
    compared: Sequence[Comparisons],
    fmrs: dict[str, tuple[float, ...]],
    weights: Sequence[WeightArray],
    margin: float,
) -> tuple[Difference, ...]:
    differences: list[Difference] = []
    reference, found = _mean_fnmr(cosines, fmrs), _mean_fnmr(compared, fmrs)
    for name, rates in fmrs.items():
        of_set = [number for number, fold in enumerate(cosines) if fold.name == name]
        by_cosine = np.mean([fnmr_at_fmr(cosines[n], np.array(rates), weights[n]) for n in of_set], axis=0)
        by_candidate = np.mean([fnmr_at_fmr(compared[n], np.array(rates), weights[n]) for n in of_set], axis=0)
        low, high = interval(by_cosine - by_candidate)
        noise = margin * np.std(by_cosine, axis=0)
        differences.extend(
            Difference(
                set_name=name,
                fmr=fmr,
                cosine_fnmr=float(reference[name][column]),
                fnmr=float(found[name][column]),
                gain=float(reference[name][column] - found[name][column]),
                gain_low=float(low[column]),
                gain_high=float(high[column]),
                margin=float(noise[column]),
            )
            for column, fmr in enumerate(rates)
        )
    return tuple(differences)
