"""What happens to a request before it is worked on: turned away at the door, or its body received in time."""

import math
import time

import anyio
from fastapi import Request

from service.api.inputs import Body, read_body
from service.api.problems import InvalidRequest, SlowRequest
from service.api.state import State

_HEADER = "x-deadline-seconds"


async def receive(request: Request, state: State) -> tuple[Body, float]:
    """Return a request's body, and when its caller gives up, by ``time.monotonic``.

    A request that would wait too long is turned away before its body is read.

    Raises:
        Overloaded: if the queue is full.
        SlowRequest: if the body does not arrive before the deadline.
        InvalidRequest, UnsupportedMediaType: if the deadline or the body cannot be used.
    """
    seconds = _seconds(request, state["settings"].deadline_seconds)
    deadline = time.monotonic() + seconds
    state["workers"].check(deadline)
    try:
        with anyio.fail_after(seconds):
            return await read_body(request), deadline
    except TimeoutError as error:
        raise SlowRequest(
            f"The request's body did not arrive within {seconds:g} s. Send it faster, or allow more time "
            "(X-Deadline-Seconds, IDA_DEADLINE_SECONDS)."
        ) from error


def _seconds(request: Request, most: float) -> float:
    text = request.headers.get(_HEADER)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidRequest("X-Deadline-Seconds must be a number of seconds above 0, such as 1.5.")
    return min(seconds, most)
