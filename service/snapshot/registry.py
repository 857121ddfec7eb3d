"""The registry: which snapshot is served now."""

import threading

from service.snapshot.snapshot import Snapshot


class Registry:
    """Holds the snapshot that is served. Safe to use from several threads; reading never waits."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._turn = threading.Lock()

    def current(self) -> Snapshot:
        """Return the snapshot that is served; take it once a request and use it to the end."""
        return self._snapshot

    def swap(self, snapshot: Snapshot) -> bool:
        """Serve another snapshot from now on, if its generation is newer; return whether it was.

        Requests that run finish on theirs; the last of them frees its memory.
        """
        with self._turn:
            if snapshot.generation <= self._snapshot.generation:
                return False
            self._snapshot = snapshot
            return True
