"""The agreement monitor: which requests it takes, what it counts, and that nothing waits for it."""

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from service.errors import SearchFailed
from service.scoring.density import FaceDensities, crowding
from service.scoring.parameters import Parameters
from service.scoring.terms import PREDICTION, SUPPORT, FaceTerms
from service.telemetry import Metrics
from service.verifier import AgreementMonitor

PARAMETERS = Parameters(k=4, tau=2.0)


@dataclass
class FakeSources:
    provides: frozenset = frozenset({SUPPORT, PREDICTION})


@dataclass
class FakeSnapshot:
    """Searches a fixed log-density, once it may."""

    searched: float = -2.0
    error: Exception | None = None
    sources: FakeSources = field(default_factory=FakeSources)
    parameters: Parameters = PARAMETERS
    may_search: threading.Event = field(default_factory=threading.Event)
    searching: threading.Event = field(default_factory=threading.Event)

    def terms(self, embeddings, need):
        assert need == (SUPPORT,)
        self.searching.set()
        self.may_search.wait()
        if self.error is not None:
            raise self.error
        return FaceTerms(log_density=np.full(len(embeddings), self.searched))


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


@pytest.fixture
def snapshot():
    snapshot = FakeSnapshot()
    snapshot.may_search.set()
    return snapshot


def predicted(log_f, faces=2):
    log_density = np.full(faces, log_f)
    return FaceDensities(log_density, np.exp(log_density), crowding(log_density, k=4, tau=2.0))


def outcome(metrics, name):
    return metrics.registry.get_sample_value("ida_agreement_samples_total", {"outcome": name}) or 0


def offer(monitor, snapshot, times=1, log_f=-2.1):
    for _ in range(times):
        monitor.offer(snapshot, np.zeros((2, 8), np.float32), predicted(log_f))


def test_difference_is_predicted_minus_searched_crowding_of_each_face(metrics, snapshot):
    monitor = AgreementMonitor(1.0, metrics.crowding_difference.observe, metrics.count_agreement)

    offer(monitor, snapshot, log_f=-2.06)
    monitor.close()

    # log F 0.06 lower is crowding 0.06 / tau = 0.03 higher.
    at_most = {
        limit: metrics.registry.get_sample_value("ida_crowding_difference_bucket", {"le": limit})
        for limit in ("-0.02", "0.02", "0.05", "+Inf")
    }
    assert at_most == {"-0.02": 0, "0.02": 0, "0.05": 2, "+Inf": 2}


@pytest.mark.parametrize(("share", "taken"), [(0.0, 0), (0.01, 1), (0.25, 25), (0.3, 30), (1.0, 100)])
def test_share_of_a_hundred_requests_is_that_many(metrics, snapshot, share, taken):
    monitor = AgreementMonitor(share, metrics.crowding_difference.observe, metrics.count_agreement)

    offer(monitor, snapshot, times=100)
    monitor.close()

    assert outcome(metrics, "compared") + outcome(metrics, "dropped") == pytest.approx(taken, abs=0)


def test_offer_returns_before_the_search_and_drops_what_finds_no_room(metrics):
    snapshot = FakeSnapshot()
    monitor = AgreementMonitor(1.0, metrics.crowding_difference.observe, metrics.count_agreement)

    offer(monitor, snapshot)
    snapshot.searching.wait()
    offer(monitor, snapshot, times=100)
    dropped = outcome(metrics, "dropped")
    snapshot.may_search.set()
    monitor.close()

    assert dropped > 0
    assert outcome(metrics, "compared") + dropped == 101


@pytest.mark.parametrize("error", [SearchFailed("no"), RuntimeError("unforeseen")])
def test_search_that_fails_is_counted_and_logged_and_the_next_is_compared(metrics, snapshot, caplog, error):
    failing = FakeSnapshot(error=error, may_search=snapshot.may_search)
    monitor = AgreementMonitor(1.0, metrics.crowding_difference.observe, metrics.count_agreement)

    offer(monitor, failing)
    offer(monitor, snapshot)
    monitor.close()

    assert (outcome(metrics, "failed"), outcome(metrics, "compared")) == (1, 1)
    assert "could not compare" in caplog.text


def test_nothing_is_compared_where_the_anchors_are_not_searched(metrics, snapshot):
    snapshot.sources = FakeSources(frozenset({PREDICTION}))
    monitor = AgreementMonitor(1.0, metrics.crowding_difference.observe, metrics.count_agreement)

    offer(monitor, snapshot, times=5)
    monitor.close()

    assert outcome(metrics, "compared") == 0
