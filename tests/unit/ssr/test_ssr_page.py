"""The page of a trained head says what it is worth, and what is not known of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from models.heads.ssr.head_agreement import agreement
from models.heads.ssr.ssr_page import ssr_page
from models.heads.ssr.ssr_run import TrainedHead
from models.heads.ssr.validation import RateByDensity, Validated

pytestmark = pytest.mark.slow


def head(*validated):
    random = np.random.default_rng(0)
    true = random.normal(-1, 0.02, 300)
    predicted = true + random.normal(0, 0.006, 300)
    checks = tuple(SimpleNamespace(iteration=100 * n, training=1 / n, aside=1.1 / n) for n in range(1, 9))
    trained = SimpleNamespace(
        checks=checks, best=700, weights=SimpleNamespace(target="log-f"), predicted=predicted, true=true
    )
    card = SimpleNamespace(k=50, tau=1.0)
    return TrainedHead("0123456789abcdef", card, trained, agreement(predicted, true), list(validated), 540_000)


def test_page_tells_how_far_the_head_is_right_and_that_scores_were_not_tried():
    made = head()

    page = ssr_page(made).decode()

    assert f"{100 * made.aside.r2:.2f} % of the true densities" in page
    assert "800 iterations; the weights of 700 were kept" in page
    assert "is not known: nothing was given with" in page
    assert page.count("<svg") == 1


def test_page_has_rates_by_the_head_beside_those_by_the_search():
    faces = Validated("visitors", 30, head().aside, (RateByDensity(1e-2, ida_r=0.9412, ida_l=0.9387),))

    row = ssr_page(head(faces)).decode().partition('<td class="name">visitors')[2].partition("</tr>")[0]

    assert row.index("93.87") < row.index("94.12")
