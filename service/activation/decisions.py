"""Which decisions requests get by a snapshot, and which they would lose by another."""

from service.errors import BundleUncalibrated
from service.scoring.calibration import InputForm
from service.snapshot.snapshot import Snapshot

_FORMS: tuple[InputForm, ...] = ("photo", "crop", "embedding")
_MOST_TOLD = 8

Decisions = dict[tuple[str, InputForm], frozenset[str]]
"""By method and form of input, the names of the operating points at which a request gets a decision."""


def decisions(snapshot: Snapshot, pipeline_id: str) -> Decisions:
    """Return the decisions that requests get where a pipeline is served."""
    found: Decisions = {}
    for method in snapshot.methods:
        for form in _FORMS:
            calibration = snapshot.calibration(method, (form, form), pipeline_id)
            if not isinstance(calibration, str) and calibration.points:
                found[method, form] = frozenset(point.name for point in calibration.points)
    return found


def why_undecided(snapshot: Snapshot, pipeline_id: str) -> str | None:
    """Return why no request gets a decision by a snapshot; None where some do."""
    if decisions(snapshot, pipeline_id):
        return None
    reasons = {
        snapshot.calibration(method, (form, form), pipeline_id) for method in snapshot.methods for form in _FORMS
    }
    told = sorted(reason for reason in reasons if isinstance(reason, str))
    return told[0] if len(told) == 1 else f"no calibration of it holds here: {'; '.join(told[:_MOST_TOLD])}"


def why_unjudged(snapshot: Snapshot, pipeline_id: str) -> str | None:
    """Return why the quality of faces that get decisions is not judged; None where all of it is, or none is decided."""
    reasons = {
        f"the {measure} of {form}s: {why}"
        for form in sorted({form for _, form in decisions(snapshot, pipeline_id)})
        for measure, why in snapshot.limits_in_force(form, pipeline_id).missing.items()
    }
    return "; ".join(sorted(reasons)[:_MOST_TOLD]) or None


def unjudged_forms(snapshot: Snapshot, pipeline_id: str) -> list[InputForm]:
    """Return the forms of input that get decisions, and of which no measure of quality has a limit."""
    decided = sorted({form for _, form in decisions(snapshot, pipeline_id)})
    return [form for form in decided if not snapshot.limits_in_force(form, pipeline_id).limits]


def losses(before: Snapshot, after: Snapshot, pipeline_id: str) -> tuple[str, ...]:
    """Return, in words, what requests get by one snapshot and would not get by another."""
    had, has = decisions(before, pipeline_id), decisions(after, pipeline_id)
    found = [
        f"the method {method} is served, and would not be: {after.not_served[method]}"
        for method in before.methods
        if method not in after.methods
    ]
    for (method, form), points in had.items():
        gone = sorted(points - has.get((method, form), frozenset()))
        if gone and method in after.methods:
            found.append(f"{method} decides on two {form}s at {', '.join(gone)}, and would not")
    for form in sorted({form for _, form in had} & {form for _, form in has}):
        kept = after.limits_in_force(form, pipeline_id)
        judged = before.limits_in_force(form, pipeline_id).limits
        found += [
            f"the {measure} of {form}s is judged, and would not be: {kept.missing[measure]}"
            for measure in judged
            if measure in kept.missing
        ]
    lost = {form for method, form in had if method == before.default_method}
    lost -= {form for method, form in has if method == after.default_method}
    if lost and after.default_method != before.default_method:
        found.append(
            f"requests that name no method would get {after.default_method}, without decisions on two "
            f"{' or two '.join(f'{form}s' for form in sorted(lost))}"
        )
    return tuple(found)


def require_decisions(snapshot: Snapshot, pipeline_id: str) -> None:
    """Refuse a snapshot by which no request would get a decision.

    Raises:
        BundleUncalibrated: if there is none, with the reason.
    """
    reason = why_undecided(snapshot, pipeline_id)
    if reason is not None:
        raise refusal(snapshot.bundle_id, (f"no request would get a decision, since {reason}",))


def refusal(bundle_id: str | None, reasons: tuple[str, ...]) -> BundleUncalibrated:
    """Return the error that refuses a bundle for what requests would lose."""
    more = f"; and {len(reasons) - _MOST_TOLD} more" if len(reasons) > _MOST_TOLD else ""
    return BundleUncalibrated(
        f"The anchor set {bundle_id} would take decisions away: {'; '.join(reasons[:_MOST_TOLD])}{more}. Run "
        "`ida-verify calibrate`, or say that it may (allow_uncalibrated, --allow-uncalibrated)."
    )
