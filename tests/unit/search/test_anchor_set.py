"""The anchor set and its id."""

import dataclasses

import numpy as np
import pytest

from service.bundle.anchors_part import Anchors, anchors_digest


def test_anchor_set_from_float16_has_unit_norm_again(unit_rows):
    stored = unit_rows(50, 512).astype(np.float16)

    anchors = Anchors.from_stored(stored, "backbone")

    assert anchors.embeddings.dtype == np.float32
    assert np.linalg.norm(anchors.embeddings, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert np.max(np.abs(anchors.embeddings - stored.astype(np.float32))) < 1e-3


def test_anchor_set_tells_its_size(anchor_set):
    assert len(anchor_set) == 300
    assert anchor_set.dimension == 32


def test_anchor_set_written_to_refuses(anchor_set):
    with pytest.raises(ValueError, match="read-only"):
        anchor_set.embeddings[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        anchor_set.backbone_id = "another"


def test_anchor_set_does_not_follow_the_array_it_was_made_of(unit_rows):
    stored = unit_rows(5, 8)
    anchors = Anchors.from_stored(stored, "backbone")
    before = anchors.embeddings.copy()

    stored[:] = 0.0

    assert np.array_equal(anchors.embeddings, before)


def test_anchors_digest_of_known_bytes_never_changes():
    # A change of this number would make every bundle in the field another one.
    stored = np.eye(3, dtype=np.float16)

    assert anchors_digest(stored, "0123456789abcdef") == "36946973d05a006a"


def test_anchors_digest_is_the_same_for_any_memory_layout(unit_rows):
    stored = unit_rows(6, 4)

    assert anchors_digest(np.asfortranarray(stored), "b") == anchors_digest(stored, "b")
    assert anchors_digest(stored.astype(">f4"), "b") == anchors_digest(stored, "b")


def test_anchors_digest_follows_embeddings_order_type_and_backbone(unit_rows):
    stored = unit_rows(6, 4)

    ids = {
        anchors_digest(stored, "b"),
        anchors_digest(stored, "another"),
        anchors_digest(stored[::-1], "b"),
        anchors_digest(stored.reshape(3, 8), "b"),
        anchors_digest(stored.astype(np.float16), "b"),
    }

    assert len(ids) == 5
