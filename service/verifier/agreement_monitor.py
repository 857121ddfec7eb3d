"""The agreement monitor: on a share of ida-l traffic, how far predicted and searched densities lie apart."""

import logging
import queue
import threading
from collections.abc import Callable

from service.arrays import Floats32
from service.scoring.density import FaceDensities
from service.scoring.terms import SUPPORT
from service.snapshot.snapshot import Snapshot

logger = logging.getLogger(__name__)

# No request waits for the monitor's searches: what finds no room here is dropped and counted.
_WAITING = 64


class AgreementMonitor:
    """Searches, in a thread of its own, the densities that some requests had predicted.

    Of a share s every 1/s-th request is taken, the same ones in every run. Safe to use from several threads.
    """

    def __init__(self, share: float, differs: Callable[[float], object], became: Callable[[str], object]) -> None:
        """Start with nothing seen.

        Args:
            share: of the requests that are compared, from 0 to 1.
            differs: told by how much a face's crowding is higher predicted than searched.
            became: told what became of a request that was taken: compared, dropped or failed.
        """
        self._share = share
        self._differs = differs
        self._became = became
        self._seen = 0
        self._turn = threading.Lock()
        self._waiting: queue.Queue[tuple[Snapshot, Floats32, FaceDensities] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="agreement", daemon=True)
        self._thread.start()

    def offer(self, snapshot: Snapshot, embeddings: Floats32, predicted: FaceDensities) -> None:
        """Take the faces of a request whose densities were predicted, if it is its turn; wait for no search.

        Args:
            snapshot: what predicted them; nothing is compared where it does not search.
            embeddings: (n, d) float32, unit norm.
            predicted: their densities.
        """
        if SUPPORT not in snapshot.sources.provides or not self._is_drawn():
            return
        try:
            self._waiting.put_nowait((snapshot, embeddings, predicted))
        except queue.Full:
            self._became("dropped")

    def close(self) -> None:
        """Compare what still waits, and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _is_drawn(self) -> bool:
        with self._turn:
            self._seen += 1
            return int(self._seen * self._share) > int((self._seen - 1) * self._share)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                self._compare(*item)
            except Exception:  # nobody would see this thread end, and nothing would be compared from then on
                logger.exception("the agreement monitor could not compare densities")
                self._became("failed")
            else:
                self._became("compared")

    def _compare(self, snapshot: Snapshot, embeddings: Floats32, predicted: FaceDensities) -> None:
        searched = snapshot.terms(embeddings, (SUPPORT,)).densities(snapshot.parameters)
        for difference in predicted.crowding - searched.crowding:
            self._differs(float(difference))
