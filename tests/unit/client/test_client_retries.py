"""Tries, pauses and deadlines of the client, by a clock that only pauses move, and a transport by a script."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from ida_client import (
    AsyncClient,
    Client,
    DeadlinePassed,
    KeyProblem,
    Limits,
    NoFaceProblem,
    Problem,
    RetryPolicy,
    ServiceProblem,
    TooBusyProblem,
    Unreachable,
)
from ida_client.exchange import RETRIED

from service.api.problems import STATUS
from service.api.wire.face_examples import VERIFIED

ANSWER = next(iter(VERIFIED.values()))


class Scripted:
    """Answers by a script: a status, a status with headers, or an exception to raise; keeps what was sent, and when."""

    def __init__(self, *script, takes=0.0):
        self.script, self.takes = list(script), takes
        self.now, self.sent, self.pauses = 100.0, [], []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds):
        self.sleep(seconds)

    def answer(self, request):
        self.sent.append(request)
        self.now += self.takes
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        status, headers = step if isinstance(step, tuple) else (step, {})
        if status == 200:
            return httpx2.Response(200, json=ANSWER, headers={"x-request-id": "theirs"})
        code = {429: "overloaded", 422: "no_face", 401: "key_unknown", 500: "internal_error"}.get(status, "x")
        return httpx2.Response(status, json={"code": code, "detail": "why", "status": status}, headers=headers)


def verify(script, *, kind, tries=3, first_pause=1.0, **options):
    """What a verification came to, by the sync or the async client."""
    policy = RetryPolicy(tries=tries, first_pause=first_pause)
    transport = httpx2.MockTransport(script.answer)
    if kind == "sync":
        http = httpx2.Client(transport=transport)
        client = Client("http://a", http=http, retries=policy, clock=script.clock, sleep=script.sleep)
        return client.verify(b"a", b"b", **options)

    async def ask():
        http = httpx2.AsyncClient(transport=transport)
        client = AsyncClient("http://a", http=http, retries=policy, clock=script.clock, sleep=script.sleep_async)
        return await client.verify(b"a", b"b", **options)

    return asyncio.run(ask())


pytestmark = pytest.mark.parametrize("kind", ["sync", "async"])


@pytest.mark.parametrize("status", sorted(RETRIED))
def test_call_is_tried_again_with_one_id_and_waits_as_long_as_it_was_told(status, kind):
    script = Scripted((status, {"Retry-After": "7"}), httpx2.ConnectError("gone"), 200)
    found = verify(script, kind=kind, deadline=30)
    assert found.score == ANSWER["score"]
    assert found.request_id == "theirs"
    ids = {request.headers["x-request-id"] for request in script.sent}
    assert len(ids) == 1
    assert 7 <= script.pauses[0] < 8
    assert 1 <= script.pauses[1] <= 2
    told = [float(request.headers["x-deadline-seconds"]) for request in script.sent]
    assert told == [pytest.approx(30 - sum(script.pauses[:tries]), abs=1e-3) for tries in range(3)]
    assert len({request.content for request in script.sent}) == 1


def test_retry_after_may_be_a_date(kind):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    script = Scripted((429, {"Retry-After": date}), 200)
    verify(script, kind=kind, deadline=60)
    assert 17 < script.pauses[0] < 22


@pytest.mark.parametrize(("status", "failure"), [(422, NoFaceProblem), (401, KeyProblem), (500, ServiceProblem)])
def test_what_would_fail_again_is_not_tried_again(status, failure, kind):
    script = Scripted(status)
    with pytest.raises(failure) as caught:
        verify(script, kind=kind, request_id="order-17")
    assert (caught.value.status, caught.value.request_id) == (status, "order-17")
    assert script.pauses == []


def test_last_try_tells_what_it_came_to(kind):
    with pytest.raises(TooBusyProblem) as caught:
        verify(Scripted(429, 429, (429, {"Retry-After": "2"})), kind=kind)
    assert caught.value.retry_after == 2
    with pytest.raises(Unreachable):
        verify(Scripted(*3 * [httpx2.ConnectError("gone")]), kind=kind)
    with pytest.raises(ServiceProblem) as caught:
        verify(Scripted(503, 503, 503), kind=kind)
    assert caught.value.status == 503


def test_tries_go_on_while_the_deadline_has_time_left(kind):
    script = Scripted(*12 * [(429, {"Retry-After": "3"})], 200)
    assert verify(script, kind=kind, tries=RetryPolicy().tries, deadline=60).score == ANSWER["score"]
    assert all(3 <= pause < 4 for pause in script.pauses)
    away = Scripted(*1000 * [httpx2.ConnectError("gone")])
    with pytest.raises(DeadlinePassed) as caught:
        verify(away, kind=kind, tries=RetryPolicy().tries, deadline=60)
    assert isinstance(caught.value.__cause__, Unreachable)
    assert 12 <= len(away.sent) <= 30  # pauses of 5 s at most, of half as much at least
    assert 150 < away.now <= 160


def test_who_is_told_to_come_at_once_pauses_all_the_same(kind):
    script = Scripted((429, {"Retry-After": "0"}), (429, {"Retry-After": "0"}), 200)
    verify(script, kind=kind)
    assert script.pauses[0] >= 0.5
    assert script.pauses[1] >= 1


def test_policy_without_pauses_does_not_send_as_fast_as_it_is_refused(kind):
    away = Scripted(*1000 * [httpx2.ConnectError("gone")])
    with pytest.raises(DeadlinePassed):
        verify(away, kind=kind, tries=None, first_pause=0.0, deadline=10)
    assert len(away.sent) <= 201


def test_deadline_is_one_budget_for_all_tries(kind):
    script = Scripted(503, 503, 503, takes=4)
    with pytest.raises(DeadlinePassed) as caught:
        verify(script, kind=kind, deadline=9)
    assert isinstance(caught.value.__cause__, Problem)
    assert len(script.sent) == 2
    late = Scripted((429, {"Retry-After": "60"}))
    with pytest.raises(DeadlinePassed):
        verify(late, kind=kind, deadline=30)
    assert late.pauses == []  # nobody waits for what comes too late
    with pytest.raises(ValueError, match="deadline"):
        verify(Scripted(), kind=kind, deadline=0)


def test_answer_of_something_else_is_told_as_such(kind):
    def proxy(request):
        return httpx2.Response(502 if "fails" in str(request.url) else 200, text="<html>")

    def ask(address):
        if kind == "sync":
            http = httpx2.Client(transport=httpx2.MockTransport(proxy))
            return Client(address, http=http, retries=RetryPolicy(tries=1)).verify(b"a", b"b")
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(proxy))
        return asyncio.run(AsyncClient(address, http=http, retries=RetryPolicy(tries=1)).verify(b"a", b"b"))

    with pytest.raises(ServiceProblem, match="status_502"):
        ask("http://fails")
    with pytest.raises(Problem, match="no JSON document"):
        ask("http://works")


def test_sync_client_gives_up_an_answer_that_comes_in_drops(kind):
    if kind == "async":
        return  # its whole try has a time limit, asyncio's
    script = Scripted()

    def drops():
        for _ in range(100):
            script.now += 1
            yield b" "

    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=drops()))
    client = Client("http://a", http=httpx2.Client(transport=transport), clock=script.clock, sleep=script.sleep)
    with pytest.raises(DeadlinePassed):
        client.verify(b"a", b"b", deadline=5)
    assert script.now < 110


def test_every_failure_of_the_service_has_a_class_of_its_kind(kind):
    del kind
    for error, status in STATUS.items():
        found = Problem.of(status, {"code": error.code})
        assert type(found) is not Problem, error.code
        assert found.code == error.code


def test_batch_is_parted_and_shares_its_deadline(kind):
    bodies = []

    def answer(request):
        document = json.loads(request.content)
        bodies.append((request.headers["x-request-id"], len(document["pairs"]), document["method"]))
        items = [{"status": 200, "answer": ANSWER, "problem": None} for _ in document["pairs"]]
        items[-1] = {"status": 422, "answer": None, "problem": {"code": "no_face", "detail": "", "image": "probe"}}
        return httpx2.Response(200, json={"items": items})

    limits = Limits(batch=3, batch_bytes=1000)
    pairs = 7 * [(b"a", b"b")] + [(b"x" * 900, b"y"), ([1.0, 2.0], [b"a", b"c"])]
    if kind == "sync":
        http = httpx2.Client(transport=httpx2.MockTransport(answer))
        found = Client("http://a", http=http, limits=limits).verify_batch(pairs, method="cosine", request_id="n")
    else:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        client = AsyncClient("http://a", http=http, limits=limits)
        found = asyncio.run(client.verify_batch(pairs, method="cosine", request_id="n"))
    assert bodies == [
        ("n", 3, "cosine"), ("n-1", 3, "cosine"), ("n-2", 1, "cosine"), ("n-3", 1, "cosine"), ("n-4", 1, "cosine")
    ]  # fmt: skip
    assert [place for place, one in enumerate(found) if isinstance(one, NoFaceProblem)] == [2, 5, 6, 7, 8]
    assert len(found) == 9
