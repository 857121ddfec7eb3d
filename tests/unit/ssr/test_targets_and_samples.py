"""What a head should say, against a loop over the anchors; and the points that it is asked of."""

import numpy as np
import pytest

from models.heads.ssr.ssr_options import Shares
from service.errors import TooFewAnchors
from service.scoring.density import log_density
from service.scoring.parameters import Parameters

torch = pytest.importorskip("torch", reason="PyTorch is not installed: install the extra [train]")

from models.heads.ssr.samples import Sampler  # noqa: E402 - only where PyTorch is
from models.heads.ssr.targets import Targets  # noqa: E402

pytestmark = pytest.mark.train


def found(anchors, points, sources, **parameters):
    targets = Targets(
        torch.tensor(anchors.embeddings), torch.tensor(anchors.sources), Parameters(**{"k": 4, **parameters})
    )
    return targets.log_density(torch.tensor(points), torch.tensor(sources)).numpy()


def by_loop(anchors, points, sources, *, k=4, tau=1.0, guard=None):
    expected = []
    for point, source in zip(points, sources, strict=True):
        similarities = [
            float(anchor @ point)
            for anchor, own in zip(anchors.embeddings, anchors.sources, strict=True)
            if own != source and (guard is None or float(anchor @ point) < guard)
        ]
        total = sum(np.exp(tau * similarity) for similarity in sorted(similarities)[-k:])
        expected.append(np.log(1 / total))
    return np.array(expected)


@pytest.mark.parametrize(
    "parameters", [{}, {"k": 1}, {"tau": 40.0}, {"guard": 0.4, "k": 7}, {"tau": 5.0, "guard": 0.5}]
)
def test_targets_are_equation_4_by_a_loop(anchors, faces, parameters):
    expected = by_loop(anchors, faces.embeddings, faces.sources, **parameters)

    assert found(anchors, faces.embeddings, faces.sources, **parameters) == pytest.approx(expected, rel=1e-5)


def test_target_without_a_source_is_what_the_service_finds(anchors, unit_rows):
    points = unit_rows(30, seed=9)
    similarities = -np.sort(-(points @ anchors.embeddings.T), axis=1)[:, :10]

    said = found(anchors, points, np.full(30, -1), k=10, tau=3.0)

    assert said == pytest.approx(log_density(similarities, 3.0), rel=1e-5)


def test_anchor_of_the_samples_own_image_does_not_count(anchors):
    itself, without = found(anchors, anchors.embeddings[[3, 3]], [-1, 3], k=1)

    assert itself == pytest.approx(-1.0)
    assert without > -1.0


def test_guard_that_leaves_too_few_anchors_is_refused(anchors, faces):
    with pytest.raises(TooFewAnchors, match="guard"):
        found(anchors, faces.embeddings, faces.sources, k=60, guard=0.1)


def test_set_with_fewer_anchors_than_a_support_set_is_refused(anchors, faces):
    with pytest.raises(TooFewAnchors, match="81"):
        found(anchors, faces.embeddings, faces.sources, k=81)


def sampler(faces, seed=0, **shares):
    given = Shares(**{**dict.fromkeys(("spread", "mixture", "shift", "noise", "face"), 0.0), **shares})
    return Sampler(torch.tensor(faces.embeddings), torch.tensor(faces.sources), given, seed)


@pytest.mark.parametrize("kind", ["spread", "mixture", "shift", "noise", "face"])
def test_samples_are_of_unit_norm_all_different_and_the_same_for_a_seed(faces, kind):
    points, sources = sampler(faces, **{kind: 1.0}).draw(50)
    again, _ = sampler(faces, **{kind: 1.0}).draw(50)
    other, _ = sampler(faces, seed=1, **{kind: 1.0}).draw(50)

    assert points.shape == (50, 12)
    assert points.dtype == torch.float32
    assert sources.shape == (50,)
    assert np.linalg.norm(points.numpy(), axis=1) == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(points, again)
    assert not torch.equal(points, other)


def test_faces_as_they_are_keep_their_sources_and_other_samples_have_none(faces):
    points, sources = sampler(faces, spread=1.0, face=1.0).draw(40)

    assert sources[:20].tolist() == [-1] * 20
    for point, source in zip(points[20:].numpy(), sources[20:].tolist(), strict=True):
        row = int(np.argmax(faces.embeddings @ point))
        assert np.allclose(faces.embeddings[row], point)
        assert faces.sources[row] == source


def test_spread_samples_share_less_than_the_faces_that_they_are_made_of(unit_rows, faces):
    crowded = faces.embeddings + 2 * unit_rows(1, seed=4)
    crowded /= np.linalg.norm(crowded, axis=1, keepdims=True)
    points, _ = sampler(type(faces)(crowded.astype(np.float32), faces.sources), spread=1.0).draw(400)

    assert np.linalg.norm(points.numpy().mean(axis=0)) < 0.5 * np.linalg.norm(crowded.mean(axis=0))
