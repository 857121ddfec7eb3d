"""Both photographs of a pair are read at the same time where a thread would be idle, else by one thread."""

import threading

import pytest
from fakes import picture

from service.errors import UnknownOperatingPoint
from service.verifier.pair_scoring import PairScorer

FILES = {"probe": ("a.png", picture(seed=1)), "reference": ("b.png", picture(seed=2))}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"workers": 2})


class Runs:
    """The backbone's runs: how many faces each embeds, and what it waits for first."""

    def __init__(self, session):
        self.rows = []
        self.before = lambda: None
        self._run = session.run
        session.run = self.run

    def run(self, inputs):
        self.rows.append(len(inputs))
        self.before()
        return self._run(inputs)


@pytest.fixture
def runs(backbone_session, client):
    return Runs(backbone_session)


def test_both_photographs_are_embedded_at_the_same_time_on_an_idle_service(client, runs):
    runs.before = threading.Barrier(2, timeout=20).wait

    assert client.post("/verify", files=FILES).status_code == 200

    assert runs.rows == [1, 1]


def test_pair_beside_another_request_takes_one_thread(client, runs):
    begun, opened = threading.Event(), threading.Event()

    def hold():
        if not begun.is_set():
            begun.set()
            assert opened.wait(20)

    runs.before = hold
    other = threading.Thread(target=client.post, args=("/embed",), kwargs={"files": {"image": FILES["probe"]}})
    other.start()
    try:
        assert begun.wait(20)
        assert client.post("/verify", files=FILES).status_code == 200
    finally:
        opened.set()
        other.join(20)

    assert runs.rows == [1, 2]


def test_answer_is_the_same_either_way(client, runs):
    alone = client.post("/verify", files=FILES).json()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(client.app_state["service"].workers), "idle", 0)
        together = client.post("/verify", files=FILES).json()

    assert runs.rows == [1, 1, 2]
    for answer in (alone, together):
        del answer["request_id"], answer["timings_ms"]
    # The stand-in for the backbone rounds a face of a run of two otherwise than one alone; the real one does not.
    assert alone.pop("similarity") == pytest.approx(together.pop("similarity"), abs=1e-6)
    for side in ("probe", "reference"):
        norms = [answer["quality_check"][side]["norm"].pop("value") for answer in (alone, together)]
        assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    assert alone == together


def test_pair_of_which_neither_shows_a_face_names_the_probe(client):
    blank = picture(faces=0)

    answer = client.post("/verify", files={"probe": ("a.png", blank), "reference": ("b.png", picture(0, seed=2))})

    assert (answer.status_code, answer.json()["code"], answer.json()["image"]) == (422, "no_face", "probe")


def test_operating_point_that_photographs_lack_is_told_before_any_is_read(client, runs, monkeypatch):
    def refuse(scorer, forms):
        raise UnknownOperatingPoint(f"{forms} have no such point.")

    monkeypatch.setattr(PairScorer, "require_point", refuse)

    answer = client.post("/verify", files=FILES)

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_operating_point")
    assert runs.rows == []
