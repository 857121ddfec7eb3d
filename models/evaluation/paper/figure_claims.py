"""The claims of the paper's figures, judged by what was measured."""

from collections.abc import Iterator, Sequence

from models.evaluation.contrasts import Form
from models.evaluation.paper.claim_building import (
    MeasuredSet,
    claim,
    first_bundle_methods,
    form_of_result,
    of_first_bundle,
)
from models.evaluation.paper.course_claims import course_claims
from models.evaluation.paper.paper_document import Finding, PaperClaim, better
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name

# Where the bodies of the distributions meet.
_BODIES = (1e-1, 1e-2)
# Half of the fall: a bell-shaped spread of similarities gives about a third.
_HALF = 0.5
# An overlap that is more than noise of histograms.
_SOME_OVERLAP = 0.05


def figure_claims(sets: Sequence[MeasuredSet]) -> Iterator[PaperClaim]:
    """Yield the claims of Fig. 2b, 3 and 6 to 10."""
    yield _distributions(sets)
    yield _descent(sets)
    yield from course_claims(sets)
    yield _gap_remains(sets)
    yield _gap_closes(sets)
    yield _corrections(sets)


def _distributions(sets: Sequence[MeasuredSet]) -> PaperClaim:
    by_form: dict[Form, list[Finding]] = {}
    for one in sets:
        cosine = one.pack.methods[0]
        for result in of_first_bundle(one, "ida-r"):
            for rate, reference in zip(result.rates, cosine.rates, strict=True):
                if rate.fmr not in _BODIES or rate.gain is None or rate.fnmr is None or reference.fnmr is None:
                    continue
                tar, own = 1 - reference.fnmr.value, 1 - rate.fnmr.value
                at = f"FMR {fmr_name(rate.fmr)}; overlap {cosine.overlap:.4f} by cosine, {result.overlap:.4f}"
                finding = Finding(one.name, "ida-r over cosine", at, tar, own, rate.gain, better(rate.gain))
                by_form.setdefault(form_of_result(result), []).append(finding)
    return claim(
        (
            "Fig. 2b",
            "score distributions",
            "Pairs of people whose similarities are low throughout are lifted, and mated part from non-mated.",
            "drawn, without figures",
        ),
        "Judged by TAR at FMR 1e-1 and 1e-2, where the bodies of both distributions meet.",
        by_form,
        "no rate of 1e-2 or more was measured with ida-r",
    )


def _descent(sets: Sequence[MeasuredSet]) -> PaperClaim:
    found = []
    for one in sets:
        for curve in one.pack.descents[:1]:
            over = _less(curve.nearest, _HALF)
            found.append(
                Finding(
                    one.name,
                    "share of the fall made by the nearest 1 % of the anchors, over a half",
                    f"{curve.faces} faces, {curve.anchors:,} anchors",
                    _HALF,
                    curve.nearest.value,
                    over,
                    better(over),
                )
            )
    return claim(
        (
            "Fig. 3",
            "similarities to all others, descending",
            "A face is like a few others only: the curve falls at once, then lies flat near 0.",
            "L-shaped curves of 500 faces over the classes of MS-Celeb-1M",
        ),
        "Holds where the nearest hundredth of the anchors makes more than half of the fall to the median; a "
        "bell-shaped spread gives a third.",
        {"any": found},
        "nothing was searched",
    )


def _gap_remains(sets: Sequence[MeasuredSet]) -> PaperClaim:
    found = []
    for one in sets:
        gap = one.pack.probability_gap
        overlap = gap.methods[0].overlap_interval if gap else None
        if gap is None or overlap is None:
            continue
        over = _less(overlap, _SOME_OVERLAP)
        at = f"{gap.faces:,} faces of {gap.classes:,} people"
        found.append(
            Finding(one.name, "overlap by cosine, over 5 %", at, _SOME_OVERLAP, overlap.value, over, better(over))
        )
    return claim(
        (
            "Fig. 8",
            "probability against similarity",
            "Faces of two disjoint segments of softmax probability overlap in their cosines.",
            "histograms at three steps of a training; the course over the training was not tried",
        ),
        "Holds where more than 5 % of the area is shared. The classes are the set's people, not those of a training.",
        {"any": found},
        "no set has 50 faces of people with several",
    )


def _gap_closes(sets: Sequence[MeasuredSet]) -> PaperClaim:
    by_form: dict[Form, list[Finding]] = {}
    for one in sets:
        gap = one.pack.probability_gap
        forms = {result.label: form_of_result(result) for result in of_first_bundle(one, "ida-r")}
        for curves in gap.methods[1:] if gap else ():
            if gap is None or curves.closed is None or curves.label not in forms:
                continue
            if curves.bundle != first_bundle_methods(one)[0].bundle:
                continue
            reference = gap.methods[0].overlap
            by_form.setdefault(forms[curves.label], []).append(
                Finding(
                    one.name,
                    "overlap by cosine less that by ida-r",
                    f"{gap.faces:,} faces of {gap.classes:,} people",
                    reference,
                    curves.overlap,
                    curves.closed,
                    better(curves.closed),
                )
            )
    return claim(
        (
            "Fig. 9",
            "the gap that IDA closes",
            "By IDA's score the two segments of probability overlap less than by the cosine.",
            "drawn, without figures",
        ),
        "Holds where the overlap shrinks by more than nothing, people resampled.",
        by_form,
        "no set has 50 faces of people with several",
    )


def _corrections(sets: Sequence[MeasuredSet]) -> PaperClaim:
    by_form: dict[Form, list[Finding]] = {}
    for one in sets:
        for result in of_first_bundle(one, "ida-r"):
            changes = result.changes
            rate = next((r for r in result.rates if changes is not None and r.fmr == changes.fmr), None)
            if changes is None or rate is None or rate.gain is None or rate.fnmr is None:
                continue
            at = (
                f"FMR {fmr_name(changes.fmr)}: of one person {changes.mated_corrected:,} put right and "
                f"{changes.mated_broken:,} broken, of two {changes.non_mated_corrected:,} and "
                f"{changes.non_mated_broken:,}"
            )
            tar = 1 - rate.fnmr.value
            by_form.setdefault(form_of_result(result), []).append(
                Finding(one.name, "put right less broken", at, tar - rate.gain.value, tar, rate.gain, better(rate.gain))
            )
    return claim(
        (
            "Fig. 10",
            "pairs that IDA corrects",
            "Pairs that the cosine decides wrongly are decided rightly by IDA.",
            "examples from MegaFace",
        ),
        "Holds where, at one false-match rate for both, more of one person's pairs are put right than broken.",
        by_form,
        "no false-match rate is measured",
    )


def _less(found: Interval, amount: float) -> Interval:
    low, high = (None if end is None else end - amount for end in (found.low, found.high))
    return Interval(found.value - amount, low, high)
