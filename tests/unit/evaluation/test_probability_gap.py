"""The probability gap: the softmax by hand and by loops, its segments, and what calibration does to their overlap."""

import math

import numpy as np
import pytest

from models.evaluation.probability_gap import own_probability, probability_gap
from models.tool_errors import LabelsInvalid


def test_probability_of_two_classes_by_hand():
    faces = np.array([[1.0, 0.0], [0.6, 0.8]])
    centres = np.array([[1.0, 0.0], [0.0, 1.0]])
    others = np.array([[0.8, 0.6], [0.0, 1.0]])

    found = own_probability(faces, np.array([0, 1]), centres, others, 2.0)

    # The own class's centre is the one without the face: logits 1.6 against 0, and 1.6 against 1.2.
    expected = [math.exp(1.6) / (math.exp(1.6) + 1.0), math.exp(1.6) / (math.exp(1.6) + math.exp(1.2))]
    assert found == pytest.approx(expected)


@pytest.mark.slow
def test_gap_of_labelled_faces_equals_loops(people):
    labelled = people(count=20, faces_each=5, spread=1.2)

    gap = probability_gap(labelled.embeddings, labelled.norms, labelled.identities, [], scale=8.0)

    probabilities, similarities = [], []
    for row, face in enumerate(labelled.embeddings.astype(np.float64)):
        logits = []
        for person in range(20):
            rows = [other for other in range(100) if labelled.identities[other] == person and other != row]
            centre = labelled.embeddings[rows].astype(np.float64).sum(axis=0)
            logits.append(8.0 * face @ centre / np.linalg.norm(centre))
        own = labelled.identities[row]
        probabilities.append(math.exp(logits[own]) / sum(math.exp(logit) for logit in logits))
        similarities.append(logits[own] / 8.0)
    order = np.argsort(probabilities, kind="stable")
    low, high = order[10:30], order[70:90]
    assert (gap.classes, gap.faces) == (20, 100)
    assert gap.segments[0] == pytest.approx((probabilities[low[0]], probabilities[low[-1]]))
    assert gap.segments[1] == pytest.approx((probabilities[high[0]], probabilities[high[-1]]))
    edges = gap.methods[0].edges
    shares = [np.histogram(np.array(similarities)[rows], edges)[0] / 20 for rows in (low, high)]
    assert gap.methods[0].overlap == pytest.approx(np.minimum(*shares).sum(), abs=0.051)
    assert gap.methods[0].label == "cosine"


def test_gap_of_segments_far_apart_has_no_overlap(people):
    sure, unsure = people(count=12, faces_each=6, spread=0.05), people(count=12, faces_each=6, spread=3.0, seed=9)
    rows = np.concatenate([sure.embeddings, unsure.embeddings])
    identities = np.concatenate([sure.identities, unsure.identities + 12])

    gap = probability_gap(rows, np.zeros(len(rows), np.float32), identities, [], scale=16.0)

    assert gap.methods[0].overlap == 0.0
    assert gap.segments[0][1] < gap.segments[1][0]


def test_gap_of_too_few_faces_of_people_with_several_is_refused(people):
    labelled = people(count=60, faces_each=1)

    with pytest.raises(LabelsInvalid, match="50 faces or more of people with several, and there are 0"):
        probability_gap(labelled.embeddings, labelled.norms, labelled.identities, [], scale=64.0)
