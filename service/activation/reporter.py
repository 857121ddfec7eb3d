"""What a replica says of itself in the store, for those who ask which replicas there are and what they serve."""

import logging
from collections.abc import Callable

from service.activation.following import Following
from service.errors import IdaError
from service.snapshot.snapshot import Snapshot
from service.store.bundle_store import BundleStore
from service.store.records import ReplicaReport, now

logger = logging.getLogger(__name__)

_REPORT_EVERY = 3  # looks


class Reporter:
    """Writes the report of one replica; a failure disturbs nothing. For one thread at a time."""

    def __init__(self, store: BundleStore, report: ReplicaReport, clock: Callable[[], float]) -> None:
        """Start with a report that is not written yet.

        Args:
            store: where it is written.
            report: of the replica, as it starts.
            clock: seconds that never go back.
        """
        self._store, self._report, self._clock = store, report, clock
        self._reported_at: float | None = None
        self._told = logging.NOTSET  # the level at which a failure that lasts was logged

    def report(self, state: Following, served: Snapshot, *, is_lagging: bool) -> None:
        """Tell the others what is served here: when it changed, and every few looks.

        A store that nothing was written to yet gets it too, so that whoever activates its first anchor set, and waits
        until every replica serves it, knows of them all.

        Args:
            state: how the replica stands to the store.
            served: what it serves.
            is_lagging: whether it knows of something newer.
        """
        failure = state.failure
        report = self._report.model_copy(
            update={
                "bundle_id": served.bundle_id,
                "generation": served.generation,
                "lagging": is_lagging,
                "store_id": state.store_id,
                "failed_generation": failure and failure.generation,
                "failed_bundle_id": failure and failure.bundle_id,
                "error_code": failure and failure.code,
                "error": failure and failure.message,
            }
        )
        at = self._clock()
        is_due = self._reported_at is None or at - self._reported_at >= _REPORT_EVERY * report.watch_interval
        if report == self._report and not is_due:
            return
        try:
            self._store.report(report.model_copy(update={"at": now()}))
        except IdaError as error:
            # Nothing was ever activated in a store without an id: where nobody may write to it, nothing is amiss.
            level = logging.INFO if state.store_id is None else logging.WARNING
            if level > self._told:
                logger.log(level, "the report of this replica cannot be written: %s", error.message)
                self._told = level
            return
        self._told, self._report, self._reported_at = logging.NOTSET, report, at

    def forget(self) -> None:
        """Remove the report: the replica ends."""
        try:
            self._store.forget(self._report.replica)
        except IdaError as error:
            logger.info("the report of this replica stays in the store: %s", error.message)
