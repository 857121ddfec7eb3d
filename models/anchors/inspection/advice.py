"""Findings in words, and what could be done about them."""

from collections.abc import Iterator

import numpy as np

from models.anchors.inspection.findings import Findings, ProbeFindings
from service.arrays import Floats

# What makes a finding worth a suggestion; none of these decides anything.
_MUCH_MORE_ALIKE = 0.05
_MANY_DUPLICATES = 0.01


def findings_lines(findings: Findings) -> list[str]:
    """Return the findings as lines for people."""
    parameters, geometry = findings.parameters, findings.geometry
    lines = [
        f"{findings.count} anchors of bundle {findings.bundle_id}, k = {parameters.k}, tau = {parameters.tau:g}",
        f"spread: two anchors have a mean cosine of {geometry.mean_pair_cosine:.3f}; they spread as if evenly in "
        f"{geometry.effective_dimension:.0f} of {len(geometry.variances)} directions",
        "near-duplicates: "
        + ", ".join(
            f"{share:.1%} of the anchors have another at {level:g} or more"
            for level, share in findings.duplicates.items()
        ),
        f"an anchor's nearest other anchor is at {_middle(findings.neighbours.nearest)}",
        f"crowding of the anchors: {_middle(findings.crowding)}",
    ]
    if findings.looked_at < findings.count:
        lines.append(f"neighbours were searched for {findings.looked_at} anchors, drawn by lot")
    if findings.probes is not None:
        lines += _against(findings, findings.probes)
    return lines + [f"-> {advice}" for advice in _advice(findings)]


def _against(findings: Findings, probes: ProbeFindings) -> list[str]:
    without = f" ({probes.without_face} more pictures gave none)" if probes.without_face else ""
    lines = [
        f"against {probes.count} real faces{without}, which have a mean pair cosine of "
        f"{probes.geometry.mean_pair_cosine:.3f} and an effective dimension of "
        f"{probes.geometry.effective_dimension:.0f}:",
        *([f"  {probes.unreadable}"] if probes.unreadable else []),
        f"  a face's nearest anchor is at {_middle(probes.neighbours.nearest)}",
        f"  crowding of the faces: {_middle(probes.crowding)}",
        f"  coverage: {probes.covered:.0%} of the faces have an anchor as near as 95 % of the anchors have another",
        f"  {probes.used:.0%} of the anchors are in a face's support set ({probes.used_by_chance:.0%} by chance)",
        f"  identity collisions: {probes.colliding} faces have an anchor at {findings.guard:g} or more",
    ]
    return lines + [f"    {hit.probe}: anchor {hit.anchor} at {hit.similarity:.3f}" for hit in probes.collisions[:5]]


def _advice(findings: Findings) -> Iterator[str]:
    probes = findings.probes
    if findings.duplicates[0.95] > _MANY_DUPLICATES:
        yield "many anchors say the same: try --duplicates 0.95"
    if probes is None:
        yield "held against real faces (--probes), it could be said whether the set covers them"
        return
    if findings.geometry.mean_pair_cosine - probes.geometry.mean_pair_cosine > _MUCH_MORE_ALIKE:
        yield (
            "the anchors are more alike than the faces, so density partly measures what they share: if that is how "
            "they were generated, try --shared mean; if it is poor quality, which a recipe adds on purpose, leave it"
        )
    if probes.colliding:
        yield (
            "look at the collisions: poor pictures collide with poor anchors, which does no harm; if they are the same "
            "people, build with --guard"
        )
    yield "whether the set helps is measured by `ida-verify evaluate` on labelled pairs, not here"


def _middle(values: Floats) -> str:
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"{middle:.3f} (5 to 95 %: {low:.3f} to {high:.3f})"
