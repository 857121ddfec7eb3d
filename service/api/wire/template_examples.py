"""What an answer about several pictures of one person looks like, for the OpenAPI document; from a real run.

The probe and the first picture are those of the answer about two photographs; then a small copy, and a picture of a
cup of coffee, which ``unusable_pictures=skip`` leaves out.
"""

from typing import Any, Final

from service.api.wire.face_examples import VERIFIED
from service.faces.select import no_face

_PAIR: Final[dict[str, Any]] = VERIFIED["two photographs of one person"]
_FIRST: Final[dict[str, Any]] = _PAIR["faces"]["reference"]
_CHECK: Final[dict[str, Any]] = _PAIR["quality_check"]["reference"]
_MEASURED_ON: Final[dict[str, Any]] = {"stratum": None, "pairs": 1_046_798, "people": 973}

_SMALL: Final[dict[str, Any]] = {
    **_FIRST,
    "box": {"left": 40.8, "top": 24.2, "right": 83.8, "bottom": 75.7},
    "landmarks": [[51.4, 39.9], [72.8, 40.9], [61.9, 53.9], [50.7, 59.4], [72.2, 60.3]],
    "detection_score": 0.9317,
    "landmark_score": 0.9993,
    "image_width": 140,
    "image_height": 140,
    "quality": {
        "unified": 70.0,
        "components": {
            **_FIRST["quality"]["components"],
            "illumination_uniformity": 67.7,
            "luminance_variance": 86.9,
            "dynamic_range": 93.2,
            "sharpness": 89.2,
            "inter_eye_distance": 8.1,
            "head_size": 3.2,
            "margin_above_of_the_face_image": 11.6,
            "head_pose_yaw": 99.9,
            "head_pose_pitch": 89.5,
            "head_pose_roll": 99.9,
        },
    },
}
_NO_FACE: Final[dict[str, Any]] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": no_face().message,
    "code": "no_face",
    "image": "reference",
    "picture": 2,
    "request_id": _PAIR["request_id"],
    "reasons": [],
}


def _measured(values: dict[str, float]) -> dict[str, Any]:
    """Return how a face stands to the limits, with other values."""
    return {name: {**checked, "value": values[name]} for name, checked in _CHECK.items()}


def _apart(value: float | None) -> dict[str, Any]:
    return {"value": value, "limit": None, "within": None, "not_judged": "it is judged picture by picture"}


VERIFIED_TEMPLATE: Final[dict[str, Any]] = {
    "three pictures of one person as the reference, one of which shows no face": {
        **_PAIR,
        "threshold": 0.5580938,
        "score": 0.9042559,
        "similarity": 0.947226,
        "fmr_at_score": 3.3e-07,
        "evidence": 6.48,
        "faces": {"probe": _PAIR["faces"]["probe"], "reference": None},
        "fmr_interval": [5.49e-08, 3.47e-06],
        "fmr_sampling_interval": [6.8e-08, 2.96e-06],
        "fmr_between_sets": 2.34,
        "evidence_interval": [5.46, 7.26],
        "population": _MEASURED_ON,
        "dao_score": 0.9042559,
        "cosine": {
            **_PAIR["cosine"],
            "threshold": 0.460281,
            "fmr_at_score": 2.85e-07,
            "fmr_interval": [4.02e-08, 3.5e-06],
            "fmr_sampling_interval": [5.07e-08, 2.93e-06],
            "fmr_between_sets": 2.52,
            "evidence": 6.54,
            "evidence_interval": [5.46, 7.4],
            "population": _MEASURED_ON,
        },
        "density": {"probe": 0.0152328, "reference": 0.01527165},
        "crowding": {"probe": 0.2722811, "reference": 0.2697344},
        "quality_check": {
            "policy": "decide",
            "probe": _PAIR["quality_check"]["probe"],
            "reference": {
                "norm": _apart(12.29597),
                "detection_score": _apart(None),
                "evenness_of_detail": _apart(None),
                "eye_light": _apart(None),
                "crowding": _apart(0.2697344),
            },
        },
        "timings_ms": {"decode": 2.99, "detect": 729.57, "align": 66.32, "embed": 456.97, "total": 1255.85},
        "template": {
            "pictures_used": 2,
            "calibrated_pictures": 2,
            "pictures": [
                {
                    "weight": 0.5055926,
                    "similarity": 0.9669881,
                    "quality_check": _CHECK,
                    "face": _FIRST,
                    "reasons": [],
                    "problem": None,
                },
                {
                    "weight": 0.4944074,
                    "similarity": 0.8470711,
                    "quality_check": _measured(
                        {
                            "norm": 12.22644,
                            "detection_score": 0.931707,
                            "evenness_of_detail": 0.8510129,
                            "eye_light": 0.8202133,
                            "crowding": 0.2684042,
                        }
                    ),
                    "face": _SMALL,
                    "reasons": [],
                    "problem": None,
                },
                {
                    "weight": 0.0,
                    "similarity": None,
                    "quality_check": None,
                    "face": None,
                    "reasons": [],
                    "problem": _NO_FACE,
                },
            ],
        },
    },
}
