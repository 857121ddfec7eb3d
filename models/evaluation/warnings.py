"""What a reader must know before he believes an evaluation's figures."""

from collections.abc import Iterator, Sequence

import numpy as np

from models.evaluation.systems import System
from models.labelled.calibration_people import CHOSEN_ON
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import LabelledFaces

_CHANCE = 0.5


def warnings_of(
    labelled: LabelledFaces, found: Comparable, systems: Sequence[System], equal_error_rate: float
) -> Iterator[str]:
    """Yield what is doubtful of a labelled set or of its bundles, a sentence each.

    Args:
        labelled: the set.
        found: what was compared of it.
        systems: the bundles.
        equal_error_rate: the cosine's.
    """
    if equal_error_rate > _CHANCE:
        yield (
            f"The EER of the cosine is {equal_error_rate:.1%}, above 50 %: pairs of different people score higher than "
            "pairs of one person, as if the labels were reversed. Check which label stands for one person (1, true, "
            "mated) and whose picture is whose; no figure here means anything before."
        )
    for system in systems:
        yield from _chosen_on(labelled, found, system)


def _chosen_on(labelled: LabelledFaces, found: Comparable, system: System) -> Iterator[str]:
    parts = system.people.parts_of(labelled)
    among = {part: int(np.count_nonzero(np.isin(found.people, people))) for part, people in parts.items()}
    chosen = sum(among[part] for part in CHOSEN_ON)
    if chosen:
        yield (
            f"{chosen:,} of these {len(found.people):,} people are among those that {system.name} was calibrated on: "
            f"its parameters were chosen on {among['tune']:,} of them and its thresholds measured on "
            f"{among['calibrate']:,}, so its figures here are better than they are on strangers. "
            + (
                f"Evaluate with --part report --of {system.name} the {among['report']:,} whom it set aside."
                if among["report"]
                else "Evaluate other people."
            )
        )
