"""What is made of a verdict: doubts about the probe, and no verdict of a poor picture."""

import numpy as np
import pytest

from service.faces.quality.face_quality import FaceQuality
from service.faces.types import AlignedFace, Box, DetectedFace, Liveness
from service.scoring.population import MEASURES, LimitsInForce
from service.verifier.liveness_gate import liveness_doubts, told_with_quality


def face(liveness):
    detected = DetectedFace(Box(0, 0, 80, 80), 0.9)
    return AlignedFace(
        np.zeros((112, 112, 3), np.uint8), detected, 1, (400, 400), False, FaceQuality({}), liveness=liveness
    )


def check(**limits):
    values = {"norm": np.array([1.0]), "crowding": np.array([0.9])}
    return LimitsInForce(limits, dict.fromkeys(MEASURES, "none")).check(values, 0)


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (None, "liveness_unknown"),
        (face(None), "liveness_unknown"),
        (face(Liveness("spoof", 0.1)), "not_live"),
        (face(Liveness("uncertain", 0.5, "crops_disagree")), "liveness_uncertain"),
        (face(Liveness("uncertain", 0.9, "poor_picture")), "liveness_uncertain"),
    ],
)
def test_probe_that_is_not_shown_to_be_live_is_doubted_with_advice(probe, code):
    (doubt,) = liveness_doubts(probe)
    assert (doubt.image, doubt.code) == ("probe", code)
    assert doubt.advice.endswith(".")


def test_live_probe_is_not_doubted():
    assert liveness_doubts(face(Liveness("live", 0.9))) == ()


@pytest.mark.parametrize("verdict", ["live", "spoof"])
def test_verdict_on_a_picture_beyond_the_limits_is_uncertain(verdict):
    found = told_with_quality(face(Liveness(verdict, 0.7)), check(norm=2.0))
    assert found.liveness == Liveness("uncertain", 0.7, "poor_picture")


def test_verdict_stays_within_the_limits_and_whatever_the_crowd_is():
    given = face(Liveness("live", 0.9))
    assert told_with_quality(given, check(norm=0.5)) is given
    assert told_with_quality(given, check(crowding=0.1)) is given  # alike to everybody is no matter of the picture
    assert told_with_quality(None, check(norm=2.0)) is None
    unsure = face(Liveness("uncertain", 0.5, "small_face"))
    assert told_with_quality(unsure, check(norm=2.0)) is unsure
