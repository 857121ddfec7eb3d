"""The service, whose every call sleeps first: so ``fleet_measurement.py`` shares few CPUs among several replicas.

BENCH_SLEEP holds the mean seconds and their coefficient of variation, as JSON. A worker that sleeps is taken as one
that computes is, and takes no CPU.
"""

import json
import os
import random
import time
from collections.abc import Callable

from fleet_shape import spread

import service.app
from models.cli import main
from service.api.workers import Workers

_SECONDS = spread(*json.loads(os.environ["BENCH_SLEEP"]))


class SlowWorkers(Workers):
    """Workers whose calls take a while."""

    def start(self, call: Callable, *, is_large: bool) -> object:
        """Start a call that sleeps before it does anything."""

        def slow() -> object:
            time.sleep(random.choice(_SECONDS))
            return call()

        return super().start(slow, is_large=is_large)


if __name__ == "__main__":
    service.app.Workers = SlowWorkers
    main()
