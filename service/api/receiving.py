"""What happens to a request before it is worked on: its body is received, in time."""

import math
import time
from collections.abc import Mapping

import anyio
from fastapi import Request

from service.api.inputs import Body, read_body
from service.api.problems import InvalidRequest, SlowRequest
from service.api.state import State

_HEADER = "x-deadline-seconds"


async def receive(request: Request, state: State) -> tuple[Body, float]:
    """Return a request's body, and when its caller gives up, by ``time.monotonic``.

    Raises:
        SlowRequest: if the body does not arrive before the deadline.
        InvalidRequest, UnsupportedMediaType: if the deadline or the body cannot be used.
    """
    seconds = seconds_allowed(request.headers, state["settings"].deadline_seconds)
    deadline = time.monotonic() + seconds
    try:
        with anyio.fail_after(seconds):
            return await read_body(request), deadline
    except TimeoutError as error:
        raise SlowRequest(
            f"The request's body did not arrive within {seconds:g} s. Send it faster, or allow more time "
            "(X-Deadline-Seconds, IDA_DEADLINE_SECONDS)."
        ) from error


def seconds_allowed(headers: Mapping[str, str], most: float) -> float:
    """Return for how many seconds the caller waits: what its header says, and no more than the service allows.

    Raises:
        InvalidRequest: if the header is no number above 0.
    """
    text = headers.get(_HEADER)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidRequest("X-Deadline-Seconds must be a number of seconds above 0, such as 1.5.")
    return min(seconds, most)
