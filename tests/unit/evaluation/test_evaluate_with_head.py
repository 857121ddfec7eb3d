"""ida-l in an evaluation: beside ida-r wherever the bundle has an SSR head."""

import numpy as np
import pytest
from tiny_heads import log_density, with_head

from models.evaluation.evaluate_set import evaluate_set
from models.evaluation.measure import MeasureOptions
from models.evaluation.systems import load_system, scorers, variants
from service.errors import MethodNotServed
from service.scoring.terms import PREDICTION

pytestmark = pytest.mark.slow


@pytest.fixture
def headed(system, tmp_path):
    """Return a bundle of 60 random anchors with a tiny head."""
    bare = system("bare", strength=0.5)
    folder = with_head(tmp_path / "headed", tmp_path / "bare")
    return load_system(folder, backbone_id=bare.bundle.manifest.backbone_id, device="cpu")


def test_ida_l_stands_beside_ida_r_with_rates_gains_and_stated_rates(people, headed):
    found = evaluate_set(
        people(count=24, faces_each=4, spread=1.0, lost=[3]),
        [headed],
        MeasureOptions(replicates=100, listed=3),
        pack=None,
    )

    labels = ["cosine", "ida-r, a = 0.5", "ida-r, a = 1", "ida-l, a = 0.5", "ida-l, a = 1", "csls", "s-norm", "as-norm"]
    assert [method.label for method in found.methods] == labels
    ida_l = found.methods[3]
    assert (ida_l.method, ida_l.bundle) == ("ida-l", "headed")
    assert all(rate.gain is not None for rate in ida_l.rates if rate.quality == "measured")
    assert ida_l.identification is not None
    assert [stated.label for stated in found.stated] == labels


def test_scores_of_ida_l_are_equation_4_of_predicted_densities(people, headed):
    embeddings = people().embeddings
    (variant,) = [found for found in variants(headed, ["ida-l"]) if found.label == "ida-l, a = 0.5"]

    (scorer,) = scorers(embeddings, np.zeros(len(embeddings)), headed, [variant])

    log_f = log_density(embeddings)
    expected = 2.0 * float(embeddings[0] @ embeddings[5]) + 0.5 * np.logaddexp(log_f[0], log_f[5])
    assert scorer.pairs(np.array([0]), np.array([5]))[0] == pytest.approx(expected, abs=1e-5)


def test_bundle_without_a_head_is_evaluated_by_the_rest_and_refused_if_ida_l_is_asked(people, system):
    bare = system()

    assert PREDICTION not in bare.sources.provides
    assert all(not found.label.startswith("ida-l") for found in variants(bare, None))
    with pytest.raises(MethodNotServed, match="ssr train"):
        evaluate_set(people(), [bare], MeasureOptions(replicates=100, methods=("ida-l",)), pack=None)
