"""What a calibration gained and what it did not, in sentences."""

from collections.abc import Iterator, Sequence

from models.calibration.calibration_report import observed_ratio
from models.calibration.calibration_run import Calibrated
from models.calibration.gained import FormerPoint, Gained
from models.calibration.measured_points import MeasuredPoints
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name
from models.labelled.rates.observed import ObservedRates
from models.labelled.rates.people_needed import people_needed
from models.labelled.rates.rate_ratio import ratio_text
from models.pages.number_words import in_words, percent, rate_text
from service.scoring.methods import COSINE


def gained_sentences(found: Calibrated, gained: Sequence[Gained], former: Sequence[FormerPoint]) -> list[str]:
    """Return what is better now, on the people set aside; one sentence that says so where nothing is."""
    said = [*_better(found, gained), *_promises(found, former)]
    points = _default(found).calibration.points
    if own := [point.name for point in points if point.quality == "measured"]:
        said.append(
            f"{in_words(own)}: measured on your own people now, by {points[0].non_mated_pairs:,} pairs of two of "
            f"{points[0].people:,} people."
        )
    return said or ["Nothing that the people set aside can show."]


def not_gained_sentences(found: Calibrated, gained: Sequence[Gained], former: Sequence[FormerPoint] = ()) -> list[str]:
    """Return what cannot be told, is worse, or is not known."""
    said = [*_chosen_cosine(found), *_level(found, gained), *_doubted_more(found, former)]
    measured = _default(found)
    points = measured.calibration.points
    by_quality = {kind: [point.name for point in points if point.quality == kind] for kind in ("wide", "extrapolated")}
    if by_quality["wide"]:
        said.append(f"{in_words(by_quality['wide'])}: 3 to 30 false matches stand behind it, which show its order.")
    if by_quality["extrapolated"]:
        said.append(
            f"{in_words(by_quality['extrapolated'])}: too few pairs; the threshold is a fitted tail's and only as good."
        )
    if (needed := people_needed(points[0].non_mated_pairs, points[0].identity_pairs)) and points[0].identity_pairs:
        first = needed[0]
        said.append(
            f"FMR {fmr_name(first.fmr)} is measured from {first.pairs:,} pairs of two people in the part that "
            f"calibrates: {first.people:,} people there in as many pictures each; there are {points[0].people:,} now."
        )
    for point, seen in zip(points, measured.observed, strict=False):
        if (ratio := observed_ratio(point, seen)).verdict == "higher":
            said.append(
                f"{point.name} does not hold on the people set aside: {ratio_text(ratio)} times the stated rate is "
                "seen."
            )
    for name, one in ({} if found.taught is None else found.taught.report).items():
        if isinstance(one, dict) and not one["kept"]:
            said.append(f"{name} is not in the bundle: {one['why']}.")
    if not found.parts:
        said.append("Nothing is known of false non-matches, nor of what is gained: nobody said who is whom.")
    return said


def chosen_sentence(found: Calibrated) -> str:
    """Return what is in force now, and how it was found."""
    told = found.parameters
    values = f"k = {told.k}, τ = {told.tau:g}, a = {told.strength:g}, norm power = {told.norm_power:g}"
    if found.selection is None:
        return f"The default method is {found.method}, with the parameters that the bundle had: {values}."
    tried = f"of {len(found.selection.candidates):,} sets of parameters, tried on the people who tune"
    return f"The default method is {found.method}, with {values}, {tried}."


def _default(found: Calibrated) -> MeasuredPoints:
    return next((one for one in found.measured if one.calibration.method == found.method), found.measured[0])


def _better(found: Calibrated, gained: Sequence[Gained]) -> Iterator[str]:
    for one in _of_default(found, gained):
        if one.gain.low is not None and one.gain.low > 0:
            yield (
                f"{one.set_name}, FMR {fmr_name(one.fmr)}: of one person's pairs {one.method} rejects "
                f"{_share(one.fnmr)} in place of the cosine's {_share(one.cosine)}: {_points(one.gain)} points fewer."
            )


def _level(found: Calibrated, gained: Sequence[Gained]) -> Iterator[str]:
    for one in _of_default(found, gained):
        if one.gain.low is None or one.gain.high is None or one.gain.low > 0:
            continue
        told = (
            f"{one.set_name}, FMR {fmr_name(one.fmr)}: {one.method} rejects {_share(one.fnmr)} of one person's pairs, "
        )
        told += f"the cosine {_share(one.cosine)}: "
        if one.gain.high < 0:
            yield f"{told}{one.method} is worse, {_points(one.gain)} points."
        else:
            yield f"{told}no difference can be told from chance ({_points(one.gain)} points)."


def _of_default(found: Calibrated, gained: Sequence[Gained]) -> list[Gained]:
    return [one for one in gained if one.method == found.method]


def _promises(found: Calibrated, former: Sequence[FormerPoint]) -> Iterator[str]:
    """Yield where a stated rate did not hold before and is not seen to fail now."""
    measured = _default(found)
    now = dict(zip((point.name for point in measured.calibration.points), measured.observed, strict=False))
    stated = {point.name: point for point in measured.calibration.points}
    for was in former:
        if was.method != _former_method(found, former):
            continue
        seen = now.get(was.name)
        if seen is None or was.ratio.verdict not in ("higher", "lower"):
            continue
        ratio = observed_ratio(stated[was.name], seen)
        if ratio.verdict in ("as_stated", "undecided"):
            yield (
                f"{was.name}: as the bundle was, {_fmr(was.seen)} of the pairs of two people passed, "
                f"{ratio_text(was.ratio)} times what it stated; now {_fmr(seen)}, {ratio_text(ratio)} times."
            )


def _doubted_more(found: Calibrated, former: Sequence[FormerPoint]) -> Iterator[str]:
    """Yield how many pairs the new limits cost at the smallest rate that is measured, where they cost any."""
    measured = _default(found)
    before = {one.name: one.decided for one in former if one.method == _former_method(found, former)}
    points = zip(measured.calibration.points, measured.decided, strict=False)
    both = [(point, now, before[point.name]) for point, now in points if point.name in before]
    both = [one for one in both if one[0].quality == "measured"][-1:] or both[:1]
    for point, now, was in both:
        if now.mated.inconclusive + now.non_mated.inconclusive <= was.mated.inconclusive + was.non_mated.inconclusive:
            continue
        one_person, two = (
            f"{new.inconclusive:,} and not {old.inconclusive:,} of {new.pairs:,}"
            for new, old in ((now.mated, was.mated), (now.non_mated, was.non_mated))
        )
        yield (
            f"{point.name}: by the new limits {one_person} pairs of one person are inconclusive, "
            f"and {two} pairs of two."
        )


def _former_method(found: Calibrated, former: Sequence[FormerPoint]) -> str:
    """Return the method that is told of the bundle as it was: the new default one, or its own where it had no such."""
    methods = [one.method for one in former]
    return found.method if found.method in methods or not methods else methods[0]


def _chosen_cosine(found: Calibrated) -> Iterator[str]:
    if found.method == COSINE and found.selection is not None:
        yield (
            f"Plain cosine is the default method: none of {len(found.selection.candidates):,} sets of parameters is "
            "better and nowhere worse beyond chance."
        )


def _share(value: Interval) -> str:
    return value.text(lambda share: f"{percent(share)} %", percent)


def _points(value: Interval) -> str:
    return value.text(lambda share: percent(share, signed=True))


def _fmr(seen: ObservedRates) -> str:
    return seen.fmr_interval.text(rate_text)
