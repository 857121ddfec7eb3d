"""What is kept of scores that come by blocks: counts in bins, and the highest with their pairs."""

from dataclasses import dataclass

import numpy as np

from service.arrays import Floats32, Ints

# Scores held beyond twice the kept ones before the lowest are dropped: fewer, larger partitions.
_SLACK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scored pairs of faces.

    Attributes:
        scores: (m,) float32.
        first: (m,) int64, row of the one face.
        second: (m,) int64, row of the other.
    """

    scores: Floats32
    first: Ints
    second: Ints

    def __len__(self) -> int:
        return len(self.scores)


class Histogram:
    """Counts scores in equal bins, what lies beyond in the outer ones."""

    def __init__(self, limits: tuple[float, float], bins: int) -> None:
        self.edges = np.linspace(limits[0], limits[1], bins + 1)
        self.counts = np.zeros(bins, np.int64)

    def add(self, scores: Floats32, absent: int) -> Ints:
        """Count scores, of which ``absent`` are minus infinity and stand for no pair; return the counts so far."""
        low, bins = self.edges[0], len(self.counts)
        position = (scores.ravel() - np.float32(low)) * np.float32(bins / (self.edges[-1] - low))
        index = np.clip(position, 0, bins - 1, out=position).astype(np.int32)
        self.counts += np.bincount(index, minlength=bins)
        self.counts[0] -= absent
        return self.counts


class TopScores:
    """Keeps the highest scores seen; everything below a rising floor is passed over unsorted."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._floor = np.float32(-np.inf)
        self._held: list[Scored] = []
        self._count = 0

    def add(self, scores: Floats32, row: int, column: int) -> None:
        """Take a block whose first cell is the pair of faces ``row`` and ``column``."""
        flat = scores.ravel()
        above = np.flatnonzero(flat > self._floor)
        if not len(above):
            return
        i, j = np.divmod(above, scores.shape[1])
        self._held.append(Scored(flat[above], i + row, j + column))
        self._count += len(above)
        if self._count > 2 * self._keep + _SLACK:
            self._shrink()

    def _shrink(self) -> Scored:
        held = _joined(self._held)
        if len(held) > self._keep:
            # Equal scores at the floor are kept or dropped as they come; only their order is arbitrary.
            best = np.argpartition(held.scores, len(held) - self._keep)[len(held) - self._keep :]
            held = Scored(held.scores[best], held.first[best], held.second[best])
            self._floor = held.scores.min() if len(held) else np.float32(np.inf)
        self._held, self._count = [held], len(held)
        return held

    def result(self) -> Scored:
        """Return what was kept, highest first; equal scores by their rows."""
        held = self._shrink()
        order = np.lexsort((held.second, held.first, -held.scores))
        return Scored(held.scores[order], held.first[order], held.second[order])


def _joined(parts: list[Scored]) -> Scored:
    if not parts:
        return Scored(np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
    return Scored(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
    )
