"""Answers in words, on the examples that the interface's documentation shows."""

import pytest

from models.commands.answer_words import evidence_sentences, one_in, verdict
from service.api.wire.face_examples import VERIFIED
from service.api.wire.verify_wire import VerifyAnswer


@pytest.fixture
def answer():
    full = next(example for example in VERIFIED.values() if "operating_point" in example)
    return VerifyAnswer.model_validate(full)


def changed(answer, **values):
    return answer.model_copy(update={"reasons": [], "no_decision_reason": None, "extrapolated": False, **values})


@pytest.mark.parametrize(
    ("share", "words"), [(1e-4, "1 in 10,000"), (2.2e-7, "1 in 4,500,000"), (0.271, "27%"), (0.05, "1 in 20")]
)
def test_shares_are_told_as_people_tell_them(share, words):
    assert one_in(share) == words


def test_a_match_says_the_threshold_and_how_rare_such_a_score_is(answer):
    said = changed(
        answer,
        decision="match",
        operating_point="fmr_1e-4",
        score=0.9,
        threshold=0.55,
        fmr_at_score=1e-6,
        fmr_interval=(1e-7, 1e-5),
    )
    assert verdict(said) == "match at fmr_1e-4: the two are taken for one person"
    assert evidence_sentences(said) == [
        "The score 0.9 reaches the threshold 0.55 of fmr_1e-4, which 1 in 10,000 pairs of different people reach.",
        "Of pairs of different people, in pictures like these, 1 in 1,000,000 score at least so much (95 % interval: "
        "1 in 10,000,000 to 1 in 100,000).",
    ]
    assert "extrapolated" in evidence_sentences(said.model_copy(update={"extrapolated": True}))[-1]


def test_no_decision_says_why(answer):
    said = changed(
        answer,
        decision=None,
        operating_point=None,
        threshold=None,
        fmr_at_score=None,
        no_decision_reason="nothing was calibrated.",
    )
    assert verdict(said) == "none: nothing is decided"
    assert "against no threshold: nothing was calibrated." in evidence_sentences(said)[0]
    assert "not known" in evidence_sentences(said)[1]
    assert "non_match" in verdict(changed(answer, decision="non_match"))
    assert "not to be relied on" in verdict(changed(answer, decision="inconclusive"))
