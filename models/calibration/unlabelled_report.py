"""What a calibration without labels assumed and left out, for the bundle and for people."""

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import JsonValue

from models.calibration.measured_points import MeasuredPoints
from models.calibration.unlabelled import NEAR_DUPLICATE, Unlabelled, UnlabelledFacts
from models.calibration.unlabelled_strata import UnlabelledStratum
from models.labelled.labelled_faces import LabelledFaces

ASSUMED: tuple[str, ...] = (
    "Nearly all pairs of the pictures are of two people.",
    "The scores of pairs of two people fall off exponentially at their upper end; those of one person's lie above.",
    "One person's pairs are told by all scores together, whatever the pictures' quality: where strangers in poor "
    "pictures are far more alike than others, some of them are taken for one person.",
    "Pairs that no such end explains are one person's: twins, and strangers whose pictures are as like as one "
    "person's, were taken for one person, and the rates do not hold for them.",
    "The pictures are of the people, and by the cameras, that the service will see.",
)
"""What the rates rest on besides the scores."""

_NAMED = 5
_KEPT = "Strength, k, tau and norm power are the bundle's: without pairs of one person none can be chosen."
_NO_FNMR = "Nothing is known of false non-matches: TAR and FNMR take pairs of one person."


def unlabelled_report(found: Unlabelled) -> dict[str, JsonValue]:
    """Return what was assumed and told, for JSON: counts alone, since names of pictures may be names of people."""
    return {
        "unlabelled": {
            "assumed": [*ASSUMED, _KEPT, _NO_FNMR],
            "near_duplicates": {name: len(pairs) for name, pairs in found.near_duplicates.items()},
            "sets": [{**asdict(fact), "left_out": fact.left_out} for fact in found.facts],
            "strata": {
                method: [asdict(stratum) for stratum in strata] if strata else None
                for method, strata in found.strata.items()
            },
        }
    }


def unlabelled_population(population: str | None, found: Unlabelled, sets: Sequence[LabelledFaces]) -> str:
    """Return the people in words, and that nobody named them: what ``/info`` and the card tell beside the rates."""
    facts = told_facts(found)
    who = population or "; ".join(f"{one.name}: {len(one)} {one.input_form}s" for one in sets)
    left_out = sum(fact.joined_pairs for fact in facts), sum(fact.doubtful for fact in facts)
    return (
        f"{who} (unlabelled: of {sum(fact.pairs for fact in facts):,} pairs {left_out[0]:,} were taken for one "
        f"person's and left out, and {left_out[1]:,} more in doubt; no FNMR is known)"
    )


def told_facts(found: Unlabelled) -> list[UnlabelledFacts]:
    """Return the facts of the default method, or of the first where that was not measured."""
    methods = [fact.method for fact in found.facts]
    told = found.calibrated.method if found.calibrated.method in methods else methods[0]
    return [fact for fact in found.facts if fact.method == told]


def duplicates_sentence(pairs: Sequence[tuple[str, str]]) -> str:
    """Return which pairs of pictures are as good as the same one, the first few by name; "" where none are."""
    if not pairs:
        return ""
    named = ", ".join(f"{first} and {second}" for first, second in pairs[:_NAMED])
    more = f" and {len(pairs) - _NAMED:,} more" if len(pairs) > _NAMED else ""
    return f"{len(pairs):,} pairs of pictures are as good as the same one (cosine {NEAR_DUPLICATE:g}): {named}{more}."


def facts_sentence(fact: UnlabelledFacts) -> str:
    """Return what was told of one set, in words."""
    return (
        f"{fact.set_name}: {fact.faces:,} faces, {fact.pairs:,} pairs; {fact.joined_pairs:,} are taken for one "
        f"person's ({fact.repeated_people:,} people in several pictures) and left out, and {fact.doubtful:,} more in "
        "doubt"
    )


def told_strata(found: Unlabelled) -> tuple[MeasuredPoints, tuple[UnlabelledStratum, ...]]:
    """Return what was measured of the method that facts are told of, and its strata; none where all pairs are one."""
    method = told_facts(found)[0].method
    measured = next(one for one in found.calibrated.measured if one.calibration.method == method)
    return measured, found.strata[method]


NO_STRATA = (
    "no strata: too few pictures, or their norms are not known. Rates and thresholds are those of all pairs, good "
    "pictures and poor ones alike; strata take 360 pictures with norms or more, and 1,420 for all ten."
)
"""What is said where all pairs are one."""
