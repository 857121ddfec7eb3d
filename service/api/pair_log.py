"""The log line of a scored pair, from which ``ida-verify drift`` tells whether a service still sees the same people.

Its score, and what was measured of both faces: numbers alone, no embedding, no pixel, no name.
"""

import logging

from service.scoring.population import FaceCheck
from service.verifier.results import Verification

logger = logging.getLogger("service.pairs")

_DIGITS = 6


def log_pair(result: Verification) -> None:
    """Log a scored pair."""
    judged = result.judgement
    logger.info(
        "pair",
        extra={
            "anchor_set_id": result.snapshot.bundle_id,
            "scoring_method": result.method,
            "score": round(result.score, _DIGITS),
            "similarity": round(result.similarity, _DIGITS),
            "decision": judged.decision,
            "photographs": [face is not None for face in result.faces],
            "measures": [_measures(check) for check in result.checks],
        },
    )


def _measures(check: FaceCheck) -> dict[str, float]:
    return {found.measure.name: round(found.value, _DIGITS) for found in check.measures if found.value is not None}
