"""Over capacity: who comes when the queue is full is told when to come again, and nobody waits beyond a deadline."""

import threading
import time

import anyio
import pytest
from fakes import picture
from starlette.requests import Request

from service.api.problems import SlowRequest
from service.api.receiving import receive

FILES = {"probe": ("a.png", picture(seed=1)), "reference": ("b.png", picture(seed=2))}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"workers": 1, "queue": 1})


class Gate:
    """Holds every run of the backbone until it is opened, and tells how many have begun."""

    def __init__(self, session):
        self.opened, self.begun = threading.Event(), threading.Semaphore(0)
        self._run = session.run
        session.run = self.run

    def run(self, inputs):
        self.begun.release()
        assert self.opened.wait(30)
        return self._run(inputs)


@pytest.fixture
def gate(backbone_session, client):
    gate = Gate(backbone_session)
    yield gate
    gate.opened.set()


class Asking:
    """Requests in threads of their own."""

    def __init__(self, client):
        self._client = client
        self.answers = []
        self._threads = []

    def ask(self, **headers):
        def send():
            self.answers.append(self._client.post("/verify", files=FILES, headers=headers))

        thread = threading.Thread(target=send)
        thread.start()
        self._threads.append(thread)

    def join(self):
        for thread in self._threads:
            thread.join()


def full_queue(client, gate):
    """One request that computes and one that waits: the queue takes no more."""
    asking = Asking(client)
    asking.ask()
    assert gate.begun.acquire(timeout=20)
    asking.ask()
    until(lambda: waiting(client) == 1)
    return asking


def waiting(client):
    return client.app_state["workers"]._waiting


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_request_beyond_the_queue_is_turned_away_at_once_and_told_when_to_come_again(client, gate):
    asking = full_queue(client, gate)

    refused = client.post("/verify", files=FILES)

    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    metrics = client.get("/metrics").text
    assert "ida_requests_waiting 1.0" in metrics
    assert 'ida_requests_total{method="POST",route="/verify",status="429"} 1.0' in metrics
    assert 'ida_failures_total{reason="overloaded"} 1.0' in metrics
    assert refused.headers["x-request-id"] == refused.json()["request_id"]
    gate.opened.set()
    asking.join()
    assert [answer.status_code for answer in asking.answers] == [200, 200]
    assert client.post("/verify", files=FILES).status_code == 200


@pytest.mark.parametrize("path", ["/verify", "/embed", "/verify/batch", "/embed/batch"])
def test_request_beyond_the_queue_is_turned_away_before_its_body_is_read(client, gate, path):
    asking = full_queue(client, gate)

    try:
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(b"content-type", b"application/json")],
            "state": client.app_state,
        }
        sent = []

        async def send(message):
            sent.append(message)

        async def never():
            raise AssertionError("the body was read")

        anyio.run(client.app, scope, never, send)
        assert sent[0]["status"] == 429
        assert client.get("/readyz").status_code == 200
    finally:
        gate.opened.set()
        asking.join()


def test_request_whose_turn_does_not_come_before_its_deadline_is_answered_then(client, gate):
    asking = Asking(client)
    asking.ask()
    assert gate.begun.acquire(timeout=20)
    began = time.monotonic()
    late = client.post("/verify", files=FILES, headers={"X-Deadline-Seconds": "0.2"})
    assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - began < 10
    gate.opened.set()
    asking.join()
    assert asking.answers[0].status_code == 200


def test_request_that_would_come_too_late_is_turned_away_before_it_waits(client, gate):
    client.app_state["workers"]._mean_seconds = 5.0
    asking = full_queue(client, gate)
    client.app_state["workers"]._queue = 10
    refused = client.post("/verify", files=FILES, headers={"X-Deadline-Seconds": "1"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    gate.opened.set()
    asking.join()


@pytest.mark.parametrize("value", ["", "soon", "-1", "0", "inf", "nan"])
def test_deadline_that_is_no_number_is_refused(client, value):
    answer = client.post("/verify", files=FILES, headers={"X-Deadline-Seconds": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_body_that_does_not_arrive_in_time_is_given_up(client, settings):
    state = {**client.app_state, "settings": settings.model_copy(update={"deadline_seconds": 0.2})}

    async def nothing_comes():
        await anyio.sleep_forever()

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")], "state": state}
    with pytest.raises(SlowRequest, match=r"within 0\.2 s"):
        anyio.run(receive, Request(scope, nothing_comes), state)
