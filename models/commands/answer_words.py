"""An answer of /verify in words that need no knowledge of the field."""

import re

from service.api.wire.verify_wire import VerifyAnswer


def one_in(share: float) -> str:
    """Return a share as "1 in 4,500", with two significant digits; as per cent where that would say nothing."""
    if share <= 0:
        return "none"
    if share > 0.1:
        return f"{share:.0%}"
    return f"1 in {float(f'{1 / share:.2g}'):,.0f}"


def _promise(operating_point: str) -> str:
    """Return how many strangers an operating point lets pass, by its name; nothing where that does not say."""
    named = re.fullmatch(r"fmr_(1e-[1-9])", operating_point)
    return f", which {one_in(float(named[1]))} pairs of different people reach" if named else ""


def verdict(answer: VerifyAnswer) -> str:
    """Return the decision and what it means, in one line."""
    at = f" at {answer.operating_point}" if answer.operating_point else ""
    if answer.decision == "match":
        return f"match{at}: the two are taken for one person"
    if answer.decision == "non_match":
        return f"non_match{at}: the two are not taken for one person"
    if answer.decision == "inconclusive":
        return f"inconclusive{at}: alike enough, and not to be relied on"
    return "none: nothing is decided"


def evidence_sentences(answer: VerifyAnswer) -> list[str]:
    """Return what the score means: the threshold it was held against, how rare it is, and why where nothing is said."""
    said = []
    score = f"The score {answer.score:.4g}"
    if answer.threshold is None:
        said.append(f"{score} was held against no threshold: {answer.no_decision_reason or 'none was asked'}.")
    else:
        place = "reaches" if answer.score >= answer.threshold else "is below"
        said.append(
            f"{score} {place} the threshold {answer.threshold:.4g} of {answer.operating_point}"
            f"{_promise(answer.operating_point or '')}."
        )
        if answer.no_decision_reason:
            said.append(f"{answer.no_decision_reason[0].upper()}{answer.no_decision_reason[1:]}.")
    if answer.fmr_at_score is None:
        said.append("How many pairs of different people score so high is not known for this pair.")
        return [text.replace("..", ".") for text in said]
    between = ""
    if answer.fmr_interval is not None:
        low, high = sorted(answer.fmr_interval)
        between = f" (95 % interval: {one_in(low)} to {one_in(high)})"
    said.append(
        f"Of pairs of different people, in pictures like these, {one_in(answer.fmr_at_score)} score at least so "
        f"much{between}."
    )
    if answer.extrapolated:
        said.append("That is rarer than was measured: it is extrapolated.")
    return [text.replace("..", ".") for text in said]
