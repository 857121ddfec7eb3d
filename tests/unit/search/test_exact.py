"""From candidates to support sets: in bounded memory, and with a way out where the candidates may not do."""

import numpy as np
from search_oracle import assert_is_support_set

from service.search import exact
from service.search.exact import support_sets


def test_candidates_of_many_faces_are_compared_a_few_faces_at_a_time(monkeypatch, unit_rows):
    anchors, probes = unit_rows(50, 16), unit_rows(30, 16)
    candidates = np.argsort(-probes @ anchors.T, axis=1)[:, 19::-1]
    whole = support_sets(anchors, probes, candidates, 5, np.full(30, -np.inf))
    gathered = []
    copied = anchors.view(Noting)
    copied.seen = gathered
    monkeypatch.setattr(exact, "_GATHERED_VALUES", 16 * 20 * 4)

    found = support_sets(copied, probes, candidates, 5, np.full(30, -np.inf))

    assert_is_support_set(found, anchors, probes, 5)
    assert np.array_equal(found.similarities, whole.similarities)
    assert gathered == [4] * 7 + [2]


class Noting(np.ndarray):
    """Anchors that note for how many faces they were gathered."""

    def __getitem__(self, key):
        self.seen.append(len(key))
        return np.asarray(self)[key]


def test_a_face_whose_supports_may_be_elsewhere_is_compared_with_every_anchor(unit_rows):
    anchors, probes = unit_rows(40, 16), unit_rows(2, 16)
    wrong = np.tile(np.arange(10), (2, 1))
    right = np.argsort(-probes @ anchors.T, axis=1)[:, :10]
    candidates = np.stack([wrong[0], right[1]])

    found = support_sets(anchors, probes, candidates, 5, np.array([np.inf, -np.inf]))

    assert_is_support_set(found, anchors, probes, 5)
