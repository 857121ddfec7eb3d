"""Which source image an anchor was made from."""

from types import SimpleNamespace

import numpy as np
import pytest

from models.heads.ssr.provenance import anchor_sources, made_of


def manifest(*, count=6, copies=2, given=6, **changes):
    provenance = {
        "images": "generated",
        "recipe": {"copies": copies},
        "set": {"given": given, "thinned": given - count},
        "sources": [{"folder": "a", "images": 3, "anchors": 4}, {"folder": "b", "images": 1, "anchors": 2}],
    }
    return SimpleNamespace(count=count, provenance={**provenance, **changes})


def test_copies_of_an_image_share_its_number():
    assert anchor_sources(manifest()).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "unknown", [manifest(given=8), manifest(recipe=None), manifest(set=None), manifest(copies=4), manifest(copies=0)]
)
def test_anchors_whose_images_are_not_known_are_each_a_source_of_their_own(unknown):
    assert np.array_equal(anchor_sources(unknown), np.arange(6))


def test_folder_that_gave_the_same_faces_is_what_the_anchors_were_made_of():
    assert made_of(manifest(), "generated", [("a", 3, 2), ("b", 1, 1)])


@pytest.mark.parametrize(
    ("folder", "counted"),
    [
        ("others", [("a", 3, 2), ("b", 1, 1)]),
        ("generated", [("a", 3, 3), ("b", 1, 1)]),
        ("generated", [("a", 4, 2), ("b", 1, 1)]),
        ("generated", [("a", 3, 2)]),
    ],
)
def test_folder_of_other_faces_is_not_what_the_anchors_were_made_of(folder, counted):
    assert not made_of(manifest(), folder, counted)


def test_thinned_set_is_of_no_folder():
    assert not made_of(manifest(given=8), "generated", [("a", 3, 2), ("b", 1, 1)])
