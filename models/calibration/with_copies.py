"""The people of a part with degraded copies of their pictures: what strata of poor pictures are measured on."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from models.labelled.comparable import Comparable
from models.labelled.pairs.sweep import ExcludedPairs
from service.arrays import Floats32, Ints
from service.scoring.population import LimitsInForce, measured_values


class Copies(Protocol):
    """Degraded copies of the pictures of a labelled set in which a face was found."""

    @property
    def embeddings(self) -> Floats32:
        """(c, d), unit norm."""
        ...

    @property
    def norms(self) -> Floats32:
        """(c,), lengths of what the backbone gave."""
        ...

    @property
    def rows(self) -> Ints:
        """(c,) int64, the row of each copy's picture in the labelled set."""
        ...


def with_copies(part: Comparable, of_part: Ints, copies: Copies | None, limits: LimitsInForce) -> Comparable:
    """Return the faces of a part, and behind them the copies of their pictures.

    A copy is of the person of its picture, and excluded wherever the picture is. It is not compared with its picture or
    with another copy of that: how alike they are says nothing of two pictures of one person.

    Args:
        part: some people of a labelled set.
        of_part: (p,) int64, their rows in the labelled set, among which ``part.rows`` counts.
        copies: of the labelled set, of whomever; None for none.
        limits: beyond which copies are left out, as faces are.

    A part whose pairs are given gets no copies.
    """
    if copies is None or part.given is not None or not len(part.rows):
        return part
    in_set = of_part[part.rows]
    order = np.argsort(in_set)
    found = order[np.minimum(np.searchsorted(in_set[order], copies.rows), len(order) - 1)]
    chosen = in_set[found] == copies.rows
    chosen &= ~limits.outside(measured_values(copies.norms, None), len(copies.norms))
    originals = found[chosen]
    of_picture = np.concatenate([np.arange(len(in_set)), originals])
    return replace(
        part,
        embeddings=np.concatenate([part.embeddings, copies.embeddings[chosen]]),
        norms=np.concatenate([part.norms, copies.norms[chosen].astype(part.norms.dtype)]),
        rows=part.rows[of_picture],
        identities=part.identities[of_picture],
        excluded=ExcludedPairs(_excluded(part.excluded.faces, of_picture), part.excluded.identities),
        pictures={},
    )


def _excluded(listed: Ints, of_picture: Ints) -> Ints:
    """Return the excluded pairs of faces (e, 2): the listed ones in every copy, and those of the same picture."""
    pairs = [np.empty((0, 2), np.int64)]
    for one, other in listed:
        i, j = np.flatnonzero(of_picture == one), np.flatnonzero(of_picture == other)
        pairs.append(np.stack(np.meshgrid(i, j, indexing="ij"), axis=-1).reshape(-1, 2))
    order = np.argsort(of_picture, kind="stable")
    _, starts, counts = np.unique(of_picture[order], return_index=True, return_counts=True)
    for faces in np.unique(counts[counts > 1]):
        i, j = np.triu_indices(faces, 1)
        begin = starts[counts == faces, None]
        pairs.append(np.stack([order[begin + i].ravel(), order[begin + j].ravel()], axis=1))
    return np.concatenate(pairs)
