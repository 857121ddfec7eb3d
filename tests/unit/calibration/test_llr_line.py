"""The interval of a log-likelihood ratio against people drawn again, and what happens to it on the way to an answer."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from vectors import to_unit

from models.calibration.llr_line import fit_llr_line
from models.labelled.pairs.comparisons import compare_all
from models.labelled.pairs.sweep import BlockScorer
from service.scoring.llr_interval import LlrLine
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters

EACH = 3


class Stretched(BlockScorer):
    """Cosines as if they were ratios: 10 s - 3."""

    def block(self, rows, columns):
        return (10 * super().block(rows, columns) - 3).astype(np.float32)

    def pairs(self, first, second):
        return (10 * super().pairs(first, second) - 3).astype(np.float32)

    def subset(self, faces):
        return Stretched(self.embeddings[faces], self.method, None, self.parameters)


def people(count, seed, shift=0.0):
    generator = np.random.default_rng(seed)
    identities = np.repeat(np.arange(count), EACH)
    given = generator.standard_normal((count, 12))[identities] + 0.9 * generator.standard_normal((count * EACH, 12))
    return to_unit(given + shift).astype(np.float32), identities


def compared(given, identities, name="one"):
    scorer = Stretched(given, METHODS["cosine"], None, Parameters())
    return compare_all(name, scorer, identities, np.zeros(int(identities.max()) + 1, np.int64), keep=10**6)


def by_loop(given, identities, drawn):
    """The line of greatest likelihood over all pairs, each person weighing as often as drawn."""
    scores = 10 * (given @ given.T) - 3
    i, j = np.triu_indices(len(given), 1)
    mated = identities[i] == identities[j]
    weight = np.where(mated, drawn[identities[i]], drawn[identities[i]] * drawn[identities[j]]).astype(float)
    weight[mated] /= weight[mated].sum()
    weight[~mated] /= weight[~mated].sum()
    s, sign = scores[i, j], np.where(mated, -1.0, 1.0)

    def loss(line):
        return weight @ np.logaddexp(0, sign * (line[0] + line[1] * s))

    def slope_of_loss(line):
        share = weight * sign * expit(sign * (line[0] + line[1] * s))
        return np.array([share.sum(), share @ s])

    return minimize(loss, [0.0, 1.0], jac=slope_of_loss).x


@pytest.mark.slow
def test_line_is_that_of_greatest_likelihood_and_its_variance_that_of_people_drawn_again():
    given, identities = people(60, 1)

    line = fit_llr_line([compared(given, identities)])

    assert (line.offset, line.slope) == pytest.approx(by_loop(given, identities, np.ones(60)), rel=1e-3)
    generator = np.random.default_rng(2)
    again = np.array([by_loop(given, identities, generator.multinomial(60, np.full(60, 1 / 60))) for _ in range(120)])
    assert line.offset_variance == pytest.approx(again[:, 0].var(), rel=0.5)
    assert line.slope_variance == pytest.approx(again[:, 1].var(), rel=0.5)
    assert line.between_sets is None


def test_two_sets_that_differ_widen_it():
    alike = [compared(*people(60, 1), "one"), compared(*people(60, 2), "two")]
    other = [compared(*people(60, 1), "one"), compared(*people(60, 2, shift=0.8), "two")]

    assert fit_llr_line(other).between_sets > fit_llr_line(alike).between_sets
    assert fit_llr_line(other).between_sets > 0.1


@pytest.mark.parametrize(("count", "why"), [(10, "too few people"), (15, "too few pairs")])
def test_too_few_people_tell_nothing(count, why):
    assert fit_llr_line([compared(*people(count, 1))]) is None, why


def test_interval_holds_what_is_stated_and_what_people_say_of_it():
    line = LlrLine(1.0, 0.5, 0.01, 0.0004, 0.0)

    assert line.interval(2.0) == pytest.approx((2 - 1.96 * np.sqrt(0.01 + 0.0004 * 4), 2 + 1.96 * np.sqrt(0.0116)))
    low, high = line.interval(20.0)
    assert low < 11 < high == 20.0
    wider = LlrLine(1.0, 0.5, 0.01, 0.0004, 0.0, between_sets=0.5).interval(2.0)
    assert wider[1] == pytest.approx(2 + 1.96 * np.sqrt(0.5116))
