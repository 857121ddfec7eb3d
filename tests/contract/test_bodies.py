"""Bodies on their way: bounded in number and in bytes, and one that dawdles makes room for another."""

import asyncio

import pytest
from fakes import picture
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from service.api import admission as module
from service.api.admission import Gate
from service.api.problems import Overloaded, SlowRequest
from service.api.workers import Workers
from service.settings import Settings
from service.telemetry import Metrics

JSON = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


class Sending:
    """A client that sends pieces when it is told to."""

    def __init__(self):
        self._pieces = asyncio.Queue()

    def send(self, piece, *, more=True):
        self._pieces.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    @property
    def request(self):
        return Request(JSON, self._pieces.get)


def gate_of(most, most_bytes, metrics):
    """A gate that lets so many bodies, of so many bytes together, in."""
    settings = Settings().model_copy(update={"max_bodies": most, "max_body_bytes": most_bytes, "deadline_seconds": 20})
    return Gate(settings, Workers(1, metrics), metrics)


def held(gate, sending):
    """A task that receives a body and holds it until it is cancelled."""

    async def hold():
        with gate.arrival({}) as arrival:
            await arrival.receive(sending.request)
            await asyncio.Event().wait()

    return asyncio.ensure_future(hold())


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


def test_body_beyond_the_number_is_turned_away_until_one_is_answered(metrics):
    async def run():
        gate = gate_of(2, 1000, metrics)
        first, second = (held(gate, Sending()) for _ in range(2))
        await settled()
        with pytest.raises(Overloaded, match="2 requests are on their way"), gate.arrival({}):
            pass
        first.cancel()
        await settled()
        with gate.arrival({}):
            assert metrics.registry.get_sample_value("ida_bodies_held") == 2
        second.cancel()

    asyncio.run(run())


def test_bytes_beyond_the_bound_are_turned_away_until_others_are_answered(metrics):
    async def run():
        gate = gate_of(10, 1000, metrics)
        large = Sending()
        large.send(bytes(900))
        holding = held(gate, large)
        await settled()
        other = Sending()
        other.send(bytes(200))
        with pytest.raises(Overloaded, match="bytes already"), gate.arrival({}) as arrival:
            await arrival.receive(other.request)
        assert metrics.registry.get_sample_value("ida_bodies_held_bytes") == 900
        holding.cancel()
        await settled()
        assert metrics.registry.get_sample_value("ida_bodies_held_bytes") == 0

    asyncio.run(run())


@pytest.mark.parametrize(("most", "most_bytes"), [(1, 10_000), (10, 1000)], ids=["number", "bytes"])
def test_body_that_dawdles_makes_room(metrics, monkeypatch, most, most_bytes):
    async def run():
        gate = gate_of(most, most_bytes, metrics)
        slow = Sending()
        slow.send(bytes(900))
        holding = held(gate, slow)
        await settled()
        monkeypatch.setattr(module, "_GRACE_SECONDS", 0.0)
        quick = Sending()
        quick.send(bytes(900), more=False)
        with gate.arrival({}) as arrival:
            assert await arrival.receive(quick.request) == bytes(900)
        with pytest.raises(SlowRequest, match="others waited"):
            await holding

    asyncio.run(run())


def test_body_that_has_arrived_is_not_given_up(metrics, monkeypatch):
    async def run():
        gate = gate_of(1, 1000, metrics)
        whole = Sending()
        whole.send(bytes(10), more=False)
        holding = held(gate, whole)
        await settled()
        monkeypatch.setattr(module, "_GRACE_SECONDS", 0.0)
        with pytest.raises(Overloaded), gate.arrival({}):
            pass
        assert not holding.done()
        holding.cancel()

    asyncio.run(run())


def test_service_that_has_no_room_answers_429_and_is_itself_again_afterwards(client):
    files = {"image": ("a.png", picture(seed=1))}
    gate = client.app_state["service"].gate
    before, gate._settings = gate._settings, gate._settings.model_copy(update={"max_body_bytes": 1000})
    refused = client.post("/embed", files=files)
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    gate._settings = before
    assert client.post("/embed", files=files).status_code == 200
