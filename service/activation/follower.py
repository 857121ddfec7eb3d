"""The follower: watches the store, loads what becomes active, and says how that goes."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from service.activation.following import Failure, Following
from service.activation.reporter import Reporter
from service.activation.switch import Switch
from service.errors import ActivationInvalid, IdaError, StoreInvalid, StoreUnavailable
from service.snapshot.registry import Registry
from service.store.bundle_store import BundleStore
from service.store.records import Activation, ReplicaReport, now
from service.telemetry import Metrics

logger = logging.getLogger(__name__)

_LONGEST_RETRY = 60.0


class Follower:
    """Follows the newest activation of a store, in a thread of its own. Safe to use from several threads."""

    def __init__(
        self,
        *,
        registry: Registry,
        switch: Switch,
        store: BundleStore,
        metrics: Metrics,
        report: ReplicaReport,
        jitter: float,
        newest: int = 0,
        store_id: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with what a start found; nothing is watched before ``start``.

        Args:
            registry: what serves.
            switch: loads bundles and puts them in force.
            store: what is watched.
            metrics: where the state is shown.
            report: of this replica, as it starts.
            jitter: share of the interval by which a look may come earlier or later.
            newest: the newest generation that is known.
            store_id: the store that was followed before; None for whatever is there.
            clock: seconds that never go back.
        """
        self._registry, self._switch, self._store = registry, switch, store
        self._metrics = metrics
        self._reporter = Reporter(store, report, clock)
        self._interval = report.watch_interval
        self._jitter = jitter
        self._clock = clock
        self._turn = threading.Lock()
        self._state = Following(newest, True, now(), store_id)
        self._retry_at = 0.0
        self._behind_since: float | None = None
        self._woken, self._has_looked = threading.Event(), threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._watch, name="follower", daemon=True)
        metrics.watch_lag.set_function(self._lag)
        self._set()

    @property
    def state(self) -> Following:
        """How the replica stands to the store now."""
        return self._state

    @property
    def is_lagging(self) -> bool:
        """Whether a newer generation is known than the one that is served."""
        return self._registry.current().generation < self._state.newest_generation

    def start(self, patience: float = 0.0) -> None:
        """Begin to watch, and return after the first look, or so many seconds.

        A replica that answers before its first look is in nobody's list yet: who waits until all replicas serve an
        anchor set would not wait for this one.
        """
        self._thread.start()
        self._has_looked.wait(patience)

    def wake(self) -> None:
        """Look at the store at once."""
        self._woken.set()

    def close(self) -> None:
        """Stop watching, after what it is loading; the replica's report is removed from the store."""
        self._is_closing = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        self._reporter.forget()

    def saw(self, generation: int) -> None:
        """Take note of a generation that was activated here."""
        with self._turn:
            if generation > self._state.newest_generation:
                self._set(newest_generation=generation)

    def look(self) -> None:
        """Look at the store once, and follow it; never raises what the store or a bundle may do."""
        with self._turn:
            try:
                store_id = self._store.store_id()
                newest, record, unreadable = self._newest(self._state.newest_generation)
            except (StoreUnavailable, StoreInvalid) as error:
                self._away(error.message)
                return
            self._here(store_id, newest)
        if self._registry.current().generation >= newest:
            with self._turn:
                self._set(failure=None)
        elif self._is_due(newest):
            self._follow(newest, record, unreadable)
        self._reporter.report(self._state, self._registry.current(), is_lagging=self.is_lagging)

    def _newest(self, known: int) -> tuple[int, Activation | None, ActivationInvalid | None]:
        """Return the newest generation, and its record or what is wrong with it where it is not served yet."""
        record, unreadable = None, None
        generation = known
        while True:
            try:
                found = self._store.activation(generation + 1)
            except ActivationInvalid as error:
                found, record, unreadable = None, None, error
            else:
                if found is None:
                    break
                record, unreadable = found, None
            generation += 1
        if record is None and unreadable is None and generation > self._registry.current().generation:
            try:
                record = self._store.activation(generation)
            except ActivationInvalid as error:
                unreadable = error
        return generation, record, unreadable

    def _follow(self, newest: int, record: Activation | None, unreadable: ActivationInvalid | None) -> None:
        began = time.perf_counter()
        try:
            if record is None:
                raise unreadable or ActivationInvalid(f"The record of generation {newest} is gone from the store.")
            loaded = self._switch.prepare(record.bundle_id, newest, allow_uncalibrated=record.allow_uncalibrated)
        except IdaError as error:
            self._fail(newest, record, error)
            return
        except Exception as error:  # nobody would see this thread end, and nothing would be followed from then on
            logger.exception("unforeseen fault in loading generation %s", newest)
            self._fail(newest, record, IdaError(f"Generation {newest} could not be loaded: {type(error).__name__}."))
            return
        self._switch.put(loaded, began, self._state.store_id)
        with self._turn:
            self._set(failure=None)

    def _fail(self, generation: int, record: Activation | None, error: IdaError) -> None:
        with self._turn:
            before = self._state.failure
            is_same = before is not None and (before.generation, before.code) == (generation, error.code)
            attempts = before.attempts + 1 if before is not None and is_same else 1
            bundle_id = None if record is None else record.bundle_id
            self._retry_at = self._clock() + min(_LONGEST_RETRY, self._interval * 2 ** min(attempts, 10))
            self._set(failure=Failure(generation, bundle_id, error.code, error.message, attempts))
        self._metrics.swaps.labels("failed").inc()
        if not is_same:
            logger.error(
                "generation %s cannot be served, %s stays: %s",
                generation,
                self._registry.current().generation,
                error.message,
                extra={"code": error.code, "generation": generation},
            )

    def _is_due(self, newest: int) -> bool:
        failure = self._state.failure
        return failure is None or failure.generation != newest or self._clock() >= self._retry_at

    def _away(self, reason: str) -> None:
        if self._state.is_reachable:
            logger.error("the store is away, what is served stays: %s", reason)
            self._set(is_reachable=False, since=now())
        self._set(store_error=reason)

    def _here(self, store_id: str | None, newest: int) -> None:
        if not self._state.is_reachable:
            logger.info("the store is back")
            self._set(is_reachable=True, since=now())
        if store_id is not None:
            self._metrics.store_info.labels(store_id).set(1)
        self._set(store_id=store_id, newest_generation=newest, store_error=None)
        self._metrics.store_seen.set_to_current_time()

    def _set(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        state = self._state
        self._metrics.newest_generation.set(state.newest_generation)
        self._metrics.store_reachable.set(state.is_reachable)
        self._metrics.lagging.set(self.is_lagging)
        if not self.is_lagging:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._clock()

    def _lag(self) -> float:
        since = self._behind_since
        return 0.0 if since is None or not self.is_lagging else self._clock() - since

    def _watch(self) -> None:
        while not self._is_closing:
            try:
                self.look()
            except Exception:  # nobody would see this thread end, and nothing would be followed from then on
                logger.exception("unforeseen fault in watching the store")
            self._has_looked.set()
            self._woken.wait(self._interval * random.uniform(1 - self._jitter, 1 + self._jitter))  # noqa: S311
            self._woken.clear()
