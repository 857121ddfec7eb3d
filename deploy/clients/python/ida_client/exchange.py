"""One call as a series of tries, without doing anything itself: whoever drives it sends, and waits.

``exchange`` is a generator that asks for an ``Attempt`` to be sent or a ``Pause`` to be waited for, is told what came
of it, and returns the answer. Both clients drive the same one; a test drives it with a clock of its own.
"""

import itertools
import json
import random
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ida_client.failures import DeadlinePassed, Problem, Unreachable

RETRIED = frozenset({429, 502, 503, 504})
"""Statuses after which a call is tried again: comparing changes nothing, so a second time does no harm."""

# Beyond it powers of two leave what a float holds.
_MOST_DOUBLINGS = 60
# Seconds between two tries whose number has no limit.
_LEAST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a call is tried again.

    Attributes:
        tries: how often a call is sent at most, 1 or more; None for as often as its deadline has room for.
        first_pause: seconds before the second try where the service names none; each further pause is twice as long.
        longest_pause: seconds, the most of these. Where tries is None a pause is 0.05 s at least.
    """

    tries: int | None = None
    first_pause: float = 0.2
    longest_pause: float = 5.0


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the service, however often it is sent.

    Attributes:
        verb: of HTTP.
        path: below the service's address.
        content: the body.
        content_type: of it; empty without one.
        query: parameters of the URL.
        request_id: the same over all tries, so that the service's log shows them as one request.
    """

    verb: str
    path: str
    content: bytes = b""
    content_type: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call to be sent now, with what its headers are and how many seconds it may take."""

    call: Call
    headers: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to be waited."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def document(self) -> Any:
        """Return the JSON document.

        Raises:
            Problem: if it is none: something else than the service answered.
        """
        try:
            return json.loads(self.content)
        except ValueError as error:
            detail = "The answer is no JSON document: is this the address of an ida-verify service?"
            raise Problem.of(self.status, {"code": "no_answer_of_the_service", "detail": detail}) from error


@dataclass(frozen=True, slots=True)
class Lost:
    """A try that brought no answer, and why."""

    error: Exception


Tries = Generator[Attempt | Pause, Reply | Lost | None, Reply]


class Budget:
    """The seconds that one call of the client has, for all its tries and parts together."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        """Start now, by a clock that counts seconds."""
        if not seconds > 0:
            raise ValueError("A deadline is a number of seconds above 0.")
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 or less where there are none."""
        return self._end - self._clock()


def exchange(
    call: Call,
    budget: Budget,
    policy: RetryPolicy,
    *,
    headers: Mapping[str, str],
    draw: Callable[[], float] = random.random,
) -> Tries:
    """Return the answer to a call, tried again while that may help and the budget lasts.

    Args:
        call: what is asked.
        budget: for all tries.
        policy: how often, and after how long a pause.
        headers: sent with every try.
        draw: gives numbers in [0, 1), by which the pauses of many clients differ.

    Raises:
        Problem: what the service answered last.
        Unreachable: if the last try brought no answer.
        DeadlinePassed: if the budget is used up before.
    """
    failure: Problem | Unreachable | None = None
    for number in itertools.count(1):
        left = budget.left
        if left <= 0:
            raise DeadlinePassed(f"{call.verb} {call.path}: no time is left for another try.") from failure
        told = {"X-Request-ID": call.request_id, "X-Deadline-Seconds": f"{left:.3f}"}
        kind = {"Content-Type": call.content_type} if call.content_type else {}
        outcome = yield Attempt(call, {**headers, **told, **kind}, left)
        if isinstance(outcome, Reply) and outcome.status < 300:
            return outcome
        failure = _failure(call, outcome)
        if isinstance(failure, Problem) and failure.status not in RETRIED:
            raise failure
        if policy.tries is not None and number >= policy.tries:
            break
        pause = _pause(failure, number, policy, draw)
        if pause >= budget.left:
            raise DeadlinePassed(
                f"{call.verb} {call.path}: after {number} tries the next would come in {pause:.1f} s, later than the "
                "deadline."
            ) from failure
        yield Pause(pause)
    assert failure is not None  # noqa: S101  (one try is made at least)
    raise failure


def _failure(call: Call, outcome: Reply | Lost | None) -> Problem | Unreachable:
    if not isinstance(outcome, Reply):
        lost = outcome.error if outcome else None
        failure = Unreachable(f"{call.verb} {call.path}: no answer ({type(lost).__name__}: {lost}).")
        failure.__cause__ = lost
        return failure
    try:
        document = json.loads(outcome.content)
    except ValueError:  # of a proxy
        document = {}
    found = document if isinstance(document, dict) else {}
    return Problem.of(outcome.status, {"request_id": call.request_id, **found}, _retry_after(outcome.headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) if text else None
    except (TypeError, ValueError):  # neither seconds nor a date
        return None


def _pause(failure: Problem | Unreachable, number: int, policy: RetryPolicy, draw: Callable[[], float]) -> float:
    doublings = min(number - 1, _MOST_DOUBLINGS)
    own = min(policy.longest_pause, policy.first_pause * 2.0**doublings) * (0.5 + 0.5 * draw())
    if isinstance(failure, Problem) and failure.retry_after:  # 0 would send as fast as it is refused
        # Who was told the same second need not come in the same moment.
        return failure.retry_after + policy.first_pause * draw()
    # A policy without a pause would send as fast as it is refused, for all of the budget.
    return own if policy.tries is not None else max(own, _LEAST_PAUSE)
