"""The registry: which snapshot is served now."""

from service.bundle.snapshot import Snapshot


class Registry:
    """Holds the snapshot that is served. Safe to read from several threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def current(self) -> Snapshot:
        """Return the snapshot that is served; take it once a request and use it to the end."""
        return self._snapshot
