"""Over capacity: who comes when the queue is full is told when to come again, and nobody waits beyond a deadline."""

import asyncio
import base64
import threading
import time

import anyio
import pytest
from fakes import picture
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from service.api import admission
from service.api.problems import SlowRequest
from service.api.workers import Workers
from service.telemetry import Metrics

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
        assert self.opened.wait(20)
        return self._run(inputs)


@pytest.fixture
def gate(backbone_session, client):
    """Opened at the end whatever happens, before the client is closed: a failed assertion leaves nobody waiting."""
    gate = Gate(backbone_session)
    yield gate
    gate.opened.set()


class Asking:
    """Requests in threads of their own, which end with the program at the latest."""

    def __init__(self, client):
        self._client = client
        self.answers = []
        self._threads = []

    def ask(self, path="/verify", **sent):
        sent = sent or {"files": FILES}

        def send():
            self.answers.append(self._client.post(path, **sent))

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self):
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


def gate_of(client):
    """The gate of a client's service."""
    return client.app_state["service"].gate


def settings_of(client):
    """The settings of a client's service."""
    return client.app_state["service"].settings


def full_queue(client, gate):
    """One request that computes and one that waits: the queue takes no more."""
    asking = Asking(client)
    asking.ask()
    assert gate.begun.acquire(timeout=20)
    asking.ask()
    until(lambda: waiting(client) == 1)
    return asking


def waiting(client):
    return client.app_state["service"].workers.waiting


def rows_of_runs(session):
    """Return a list to which each run of a session adds how many faces it embeds."""
    rows, run = [], session.run

    def counted(inputs):
        rows.append(len(inputs))
        return run(inputs)

    session.run = counted
    return rows


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
    client.app_state["service"].workers.mean_seconds = 5.0
    asking = full_queue(client, gate)
    gate_of(client)._settings = settings_of(client).model_copy(update={"queue": 10})
    refused = client.post("/verify", files=FILES, headers={"X-Deadline-Seconds": "1"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    gate.opened.set()
    asking.join()


@pytest.mark.parametrize("value", ["", "soon", "-1", "0", "inf", "nan"])
def test_deadline_that_is_no_number_is_refused(client, value):
    answer = client.post("/verify", files=FILES, headers={"X-Deadline-Seconds": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_body_that_does_not_arrive_in_time_is_given_up(client):
    service = client.app_state["service"]
    gate = admission.Gate(
        service.settings.model_copy(update={"deadline_seconds": 0.2}), service.workers, service.metrics
    )

    async def nothing_comes():
        await anyio.sleep_forever()

    async def ask():
        with gate.arrival({}) as arrival:
            scope = {"type": "http", "headers": [(b"content-type", b"application/json")], "arrival": arrival}
            async with gate.admitted(Request(scope, nothing_comes)):
                pass

    with pytest.raises(SlowRequest, match=r"within 0\.2 s"):
        anyio.run(ask)


def test_request_that_runs_past_its_deadline_is_answered_then_and_its_worker_comes_back(client, gate):
    began = time.monotonic()
    answer = client.post("/verify", files=FILES, headers={"X-Deadline-Seconds": "0.3"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - began < 10
    gate.opened.set()
    assert client.post("/verify", files=FILES).status_code == 200


def batch(pairs, start=0):
    """A batch of pairs of photographs, all different."""

    def photo(seed):
        return {"image": base64.b64encode(picture(seed=start + seed)).decode()}

    return {"pairs": [{"probe": photo(2 * number), "reference": photo(2 * number + 1)} for number in range(pairs)]}


def test_batch_counts_as_one_request(client, gate):
    asking = Asking(client)
    asking.ask("/verify/batch", json=batch(16))
    assert gate.begun.acquire(timeout=20)
    asking.ask()
    until(lambda: waiting(client) == 1)

    refused = client.post("/verify", files=FILES)

    assert refused.json()["detail"].startswith("1 requests wait already")
    assert "ida_requests_waiting 1.0" in client.get("/metrics").text
    gate.opened.set()
    asking.join()
    assert [answer.status_code for answer in asking.answers] == [200, 200]


def test_single_request_has_its_turn_between_the_parts_of_batches(client, gate, backbone_session):
    asking = Asking(client)
    gate_of(client)._settings = settings_of(client).model_copy(update={"queue": 10})
    asking.ask("/verify/batch", json=batch(12))
    assert gate.begun.acquire(timeout=20)
    asking.ask("/verify/batch", json=batch(12, start=100))
    until(lambda: waiting(client) == 1)
    asking.ask()
    until(lambda: waiting(client) == 2)
    rows = rows_of_runs(backbone_session)

    gate.opened.set()
    asking.join()

    # 24 parts of each batch, of one photograph each; the pair is run while most of them have still to come.
    assert len(asking.answers) == 3
    assert "items" not in asking.answers[0].json()
    assert sorted(rows) == [1] * (len(rows) - 1) + [2]
    assert len(rows) > 40
    assert rows.index(2) <= 6


def test_part_of_a_batch_is_one_photograph(client, backbone_session):
    rows = rows_of_runs(backbone_session)
    assert client.post("/verify/batch", json=batch(6)).status_code == 200
    assert rows == [1] * 12


def test_batch_that_cannot_be_done_in_time_is_given_up_and_its_rest_is_dropped(client, gate):
    asking = Asking(client)
    asking.ask("/verify/batch", json=batch(8), headers={"X-Deadline-Seconds": "0.3"})
    asking.join()
    assert asking.answers[0].status_code == 504
    gate.opened.set()
    assert client.post("/verify", files=FILES).status_code == 200
    # The part that ran, and the request after it.
    assert [gate.begun.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_request_whose_client_hung_up_while_it_waited_is_never_begun(client, gate):
    asking = Asking(client)
    asking.ask()
    assert gate.begun.acquire(timeout=20)
    hung_up = threading.Event()
    body = b"--x\r\ncontent-disposition: form-data; name=image; filename=a.png\r\n\r\n" + picture() + b"\r\n--x--\r\n"
    sent = []

    async def ask():
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            while not hung_up.is_set():
                await anyio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/embed",
            "raw_path": b"/embed",
            "query_string": b"",
            "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
            "state": client.app_state,
        }
        await client.app(scope, receive, send)

    thread = threading.Thread(target=lambda: client.portal.call(ask), daemon=True)
    thread.start()
    until(lambda: waiting(client) == 1)
    hung_up.set()
    until(lambda: waiting(client) == 0)
    gate.opened.set()
    asking.join()
    thread.join(20)
    assert sent == []
    assert not gate.begun.acquire(blocking=False), "the work of who hung up was done all the same"
    assert 'ida_failures_total{reason="client_disconnected"} 1.0' in client.get("/metrics").text


def test_request_without_a_turn_yet_overtakes_a_batch_once_for_each_of_its_turns():
    async def run():
        workers = Workers(1, Metrics(CollectorRegistry()))
        order = []

        async def ask(name, calls):
            async with workers.place() as place:
                await place.run_all([lambda _: order.append(name) or True] * calls)

        async def hold(opened):
            async with workers.place() as place:
                await place.run(lambda: opened.wait(20))

        async def settled():
            for _ in range(20):
                await asyncio.sleep(0)

        opened = threading.Event()
        holding = asyncio.ensure_future(hold(opened))
        await settled()
        batch = asyncio.ensure_future(ask("batch", 4))
        await settled()
        workers._turns[0].is_begun = True  # as if it had had a turn
        singles = []
        for name in ("first", "second"):
            singles.append(asyncio.ensure_future(ask(name, 1)))
            await settled()
        opened.set()
        await asyncio.gather(holding, batch, *singles)
        workers.close()
        return order

    assert asyncio.run(run()) == ["first", "batch", "second", "batch", "batch", "batch"]


def test_large_pictures_leave_a_thread_to_others():
    async def run():
        workers = Workers(2, Metrics(CollectorRegistry()))
        opened = threading.Event()
        begun = []

        async def ask(name, *, is_large):
            def call(may_be_large):
                if is_large and not may_be_large:
                    return None
                begun.append(name)
                return opened.wait(20) if is_large else True

            async with workers.place() as place:
                return await place.run_sized(call)

        large = [asyncio.ensure_future(ask(f"large {number}", is_large=True)) for number in range(3)]
        while not begun:
            await asyncio.sleep(0)
        assert await asyncio.wait_for(ask("small", is_large=False), 20)
        assert begun == ["large 0", "small"]
        opened.set()
        await asyncio.gather(*large)
        workers.close()
        return begun

    assert asyncio.run(run()) == ["large 0", "small", "large 1", "large 2"]


def test_single_thread_decodes_large_pictures_too():
    async def run():
        workers = Workers(1, Metrics(CollectorRegistry()))
        async with workers.place() as place:
            found = await place.run_sized(lambda may_be_large: "done" if may_be_large else None)
        workers.close()
        return found

    assert asyncio.run(run()) == "done"


def test_large_photograph_is_verified_as_any_other(client):
    large = picture(seed=3, width=3200, height=3000)
    pair = {"probe": large, "reference": picture(seed=2)}
    answer = client.post("/verify", files=pair)
    assert answer.status_code == 200, answer.text
    face = {"image": base64.b64encode(large).decode()}
    assert client.post("/embed/batch", json={"faces": [face]}).json()["items"][0]["status"] == 200
