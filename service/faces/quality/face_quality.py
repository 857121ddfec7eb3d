"""What was measured of one face."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """The quality of one face in its picture.

    Attributes:
        components: scores from 0 to 100 by the names of ``components.COMPONENTS``; None where one cannot be measured.
    """

    components: Mapping[str, float | None]
