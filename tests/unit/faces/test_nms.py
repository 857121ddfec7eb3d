import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.faces.detectors.nms import keep_best


def intersection_over_union(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return shared / (areas - shared)


def kept_by_loop(boxes, scores, score_threshold, iou):
    kept = []
    for row in sorted(range(len(scores)), key=lambda row: (-scores[row], row)):
        if scores[row] >= score_threshold and all(
            intersection_over_union(boxes[row], boxes[other]) <= iou for other in kept
        ):
            kept.append(row)
    return kept


@given(seed=st.integers(0, 10_000), count=st.integers(0, 40), iou=st.sampled_from([0.1, 0.3, 0.5, 0.7]))
def test_keep_best_agrees_with_a_loop(seed, count, iou):
    generator = np.random.default_rng(seed)
    corner, size = generator.uniform(0, 100, (count, 2)), generator.uniform(5, 60, (count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    scores = generator.choice([0.2, 0.5, 0.6, 0.8, 0.9], count).astype(np.float32)

    kept = keep_best(boxes, scores, score_threshold=0.5, iou=iou)

    assert kept.tolist() == kept_by_loop(boxes.astype(float), scores, 0.5, iou)


def test_keep_best_with_a_score_at_the_threshold_keeps_it():
    boxes = np.array([[0, 0, 10, 10]], np.float32)

    assert keep_best(boxes, np.array([0.5], np.float32), score_threshold=0.5, iou=0.3).tolist() == [0]


def test_keep_best_without_candidates_keeps_nothing():
    assert keep_best(np.zeros((3, 4), np.float32), np.zeros(3, np.float32), score_threshold=0.5, iou=0.3).size == 0


@pytest.mark.parametrize(("iou", "kept"), [(0.32, [1]), (0.34, [1, 0])])
def test_keep_best_of_two_boxes_that_share_a_third(iou, kept):
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10]], np.float32)

    assert keep_best(boxes, np.array([0.6, 0.7], np.float32), score_threshold=0.5, iou=iou).tolist() == kept
