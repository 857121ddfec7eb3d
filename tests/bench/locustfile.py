"""What locust sends: pairs of photographs, by clients that wait for their answers, or at a rate whoever answers.

``load_curve.py`` runs it and reads the file that it writes. Variables: BENCH_BODIES (an .npz of multipart bodies and
their boundary, or of others and their kind), BENCH_RATE (requests a second; 0 for clients that wait), BENCH_DEADLINE
(seconds, sent as a header; 0 for none), BENCH_OUT.
"""

import json
import os
import resource
import time

import gevent
import numpy as np
from locust import FastHttpUser, events, task

_GIVEN = np.load(os.environ["BENCH_BODIES"], allow_pickle=False)
BODIES = [_GIVEN[name].tobytes() for name in _GIVEN.files if name not in ("boundary", "kind")]
_KIND = _GIVEN["kind"] if "kind" in _GIVEN.files else f"multipart/form-data; boundary={_GIVEN['boundary']}"
HEADERS = {"Content-Type": str(_KIND)}
RATE = float(os.environ.get("BENCH_RATE", "0"))
if float(os.environ.get("BENCH_DEADLINE", "0")):
    HEADERS["X-Deadline-Seconds"] = os.environ["BENCH_DEADLINE"]
RECORDS: list[tuple[float, float, int]] = []
BEGAN: list[float] = []


class Pairs(FastHttpUser):
    """Sends pairs; with a rate, each at its time, whatever became of those before."""

    network_timeout = 60.0
    concurrency = 5000  # requests wait in the service, not here
    connection_timeout = 10.0

    def on_start(self) -> None:
        self._sent = 0
        self._began = time.perf_counter()

    @task
    def pair(self) -> None:
        if not RATE:
            self._send(time.perf_counter())
            return
        due = self._began + self._sent / RATE
        gevent.sleep(max(0.0, due - time.perf_counter()))
        gevent.spawn(self._send, due)
        gevent.sleep(0)  # so that it is sent, and counted, before the next is due

    def _send(self, due: float) -> None:
        self._sent += 1
        number = self._sent
        with self.client.post(
            "/verify", data=BODIES[number % len(BODIES)], headers=HEADERS, catch_response=True
        ) as answer:
            answer.success()
            # From when it was due, not from when it was sent: a late request is the service's fault.
            RECORDS.append((due, time.perf_counter() - due, answer.status_code))


@events.test_start.add_listener
def begin(**_: object) -> None:
    """Note the processor time that importing all this took."""
    BEGAN.append(_processor_seconds())


@events.quitting.add_listener
def write(**_: object) -> None:
    """Write what was seen, and the generator's own processor time: all of it, and that since the load began."""
    used = _processor_seconds()
    with open(os.environ["BENCH_OUT"], "w") as file:
        json.dump({"cpu_seconds": used, "load_cpu_seconds": used - BEGAN[0], "records": RECORDS}, file)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
