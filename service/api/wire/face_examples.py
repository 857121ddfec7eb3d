"""What the requests about faces and their answers look like, for the OpenAPI document; from a real run."""

from typing import Any, Final

from service.faces.select import no_face

_ID: Final = "138858913790a533"
_BASE64: Final = "/9j/4AAQSkZJRgABAQAAAQABAAD..."
_PHOTO: Final[dict[str, Any]] = {"image": _BASE64}
_POINT: Final = "fmr_1e-4"

VERIFY_REQUESTS: Final[dict[str, Any]] = {
    "two photographs": {"probe": _PHOTO, "reference": _PHOTO, "operating_point": _POINT},
    "a photograph and an enrolled embedding, by plain cosine": {
        "probe": _PHOTO,
        "reference": {"embedding": [0.0315, -0.1207, 0.0462]},
        "method": "cosine",
    },
    "a photograph and several of one person": {
        "probe": _PHOTO,
        "reference": [_PHOTO, _PHOTO],
        "operating_point": _POINT,
        "unusable_pictures": "skip",
    },
    "two aligned 112x112 crops": {"probe": {"crop": _BASE64}, "reference": {"crop": _BASE64}, "method": "ida-r"},
}
EMBED_REQUESTS: Final[dict[str, Any]] = {
    "a photograph": _PHOTO,
    "a photograph that must show exactly one face": {**_PHOTO, "face_policy": "reject"},
}
VERIFY_BATCH_REQUESTS: Final[dict[str, Any]] = {
    "one face against two": {
        "faces": {"anna": _PHOTO},
        "pairs": [
            {"probe": {"face": "anna"}, "reference": _PHOTO},
            {"probe": {"face": "anna"}, "reference": _PHOTO},
        ],
        "operating_point": _POINT,
        "detail": "basic",
    },
    "one face against several pictures of one person": {
        "pairs": [{"probe": _PHOTO, "reference": [_PHOTO, _PHOTO]}],
        "operating_point": _POINT,
    },
}
EMBED_BATCH_REQUESTS: Final[dict[str, Any]] = {"two photographs": {"faces": [_PHOTO, _PHOTO]}}

_COMPONENTS: Final[dict[str, float | None]] = {
    "illumination_uniformity": 69.6,
    "luminance_mean": 98.9,
    "luminance_variance": 84.7,
    "under_exposure_prevention": 99.8,
    "over_exposure_prevention": 98.8,
    "dynamic_range": 93.9,
    "sharpness": 96.6,
    "natural_colour": 100.0,
    "single_face_present": 100.0,
    "eyes_open": None,
    "mouth_closed": None,
    "inter_eye_distance": 20.8,
    "head_size": 0.4,
    "leftward_crop_of_the_face_image": 100.0,
    "rightward_crop_of_the_face_image": 100.0,
    "margin_above_of_the_face_image": 71.9,
    "margin_below_of_the_face_image": 100.0,
    "head_pose_yaw": 99.7,
    "head_pose_pitch": 91.5,
    "head_pose_roll": 99.7,
}
_PROBE: Final[dict[str, Any]] = {
    "box": {"left": 179.3, "top": 62.4, "right": 269.4, "bottom": 175.0},
    "landmarks": [[203.4, 100.2], [246.5, 102.9], [224.8, 127.9], [201.4, 138.9], [244.7, 141.7]],
    "cut_off": 0.0,
    "rotated_by": 0,
    "detection_score": 0.9379,
    "landmark_score": 0.9992,
    "faces_found": 1,
    "image_width": 512,
    "image_height": 512,
    "exif_rotated": False,
    "quality": {"unified": 75.6, "components": _COMPONENTS},
    "liveness": None,
}
_REFERENCE: Final[dict[str, Any]] = {
    **_PROBE,
    "box": {"left": 115.7, "top": 70.6, "right": 203.3, "bottom": 175.2},
    "landmarks": [[134.1, 104.1], [177.2, 100.8], [158.5, 129.7], [137.8, 143.4], [180.8, 139.5]],
    "detection_score": 0.9355,
    "image_width": 340,
    "image_height": 340,
    "quality": {
        "unified": 72.1,
        "components": {
            **_COMPONENTS,
            "illumination_uniformity": 71.5,
            "luminance_variance": 84.5,
            "over_exposure_prevention": 100.0,
            "sharpness": 96.5,
            "head_size": 1.4,
            "head_pose_yaw": 100.0,
            "head_pose_pitch": 88.8,
            "head_pose_roll": 99.2,
        },
    },
}


def _within(value: float, limit: float) -> dict[str, Any]:
    return {"value": value, "limit": limit, "within": True, "not_judged": None}


def _not_judged(value: float) -> dict[str, Any]:
    return {"value": value, "limit": None, "within": None, "not_judged": "it was calibrated without a limit of it"}


def _brief(face: dict[str, Any]) -> dict[str, Any]:
    return {**face, "quality": {**face["quality"], "components": None}}


_MODEL: Final[dict[str, Any]] = {
    "pack": "opencv-sface",
    "backbone_id": "ab5297adc3acb1c3",
    "pipeline_id": "d6bb896bde5d2aad",
}
_MADE_BY: Final[dict[str, Any]] = {
    "anchor_set": {"id": _ID, "generation": 0},
    "model": _MODEL,
    "request_id": "b72d816637f849f3b21c86c57995f07f",
    "timings_ms": {"decode": 1.67, "detect": 15.15, "align": 12.08, "embed": 38.11, "total": 67.01},
}
_MEASURED_ON: Final[dict[str, Any]] = {"stratum": "good-good", "pairs": 429_424, "people": 545}
_BASIC: Final[dict[str, Any]] = {
    "decision": "match",
    "threshold": 0.5550758,
    "score": 0.924208,
    "similarity": 0.9669881,
    "fmr_at_score": 8.71e-08,
    "evidence": 7.06,
    "extrapolated": True,
    "operating_point": "fmr_1e-4",
    "method": "ida-r",
    "no_decision_reason": None,
    "reasons": [],
    "faces": {"probe": _brief(_PROBE), "reference": _brief(_REFERENCE)},
}
_EMBEDDED: Final[dict[str, Any]] = {
    "embedding": [-0.0239623152, -0.134331927, 0.0715109333, 0.156832099],
    "norm": 12.61243,
    "dimension": 128,
    "density_method": "ida-r",
    "density": 0.0152328,
    "crowding": 0.2722811,
    "face": _PROBE,
    **_MADE_BY,
}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": no_face().message,
    "code": "no_face",
    "image": "reference",
    "request_id": _MADE_BY["request_id"],
    "reasons": [],
}

VERIFIED: Final[dict[str, Any]] = {
    "two photographs of one person": {
        **_BASIC,
        "faces": {"probe": _PROBE, "reference": _REFERENCE},
        "fmr_interval": [1.2e-08, 1.53e-06],
        "fmr_sampling_interval": [1.24e-08, 1.5e-06],
        "fmr_between_sets": 1.43,
        "extrapolated": True,
        "evidence_interval": [5.81, 7.92],
        "population": _MEASURED_ON,
        "no_decision_reason": None,
        "operating_point": _POINT,
        "method": "ida-r",
        "llr": None,
        "llr_interval": None,
        "dao_score": 0.924208,
        "cosine": {
            "decision": "match",
            "threshold": 0.4448688,
            "fmr_at_score": 8.93e-08,
            "fmr_interval": [1.14e-08, 1.56e-06],
            "fmr_sampling_interval": [1.24e-08, 1.47e-06],
            "fmr_between_sets": 1.77,
            "extrapolated": True,
            "evidence": 7.05,
            "evidence_interval": [5.81, 7.94],
            "population": _MEASURED_ON,
            "no_decision_reason": None,
            "reasons": [],
        },
        "density_method": "ida-r",
        "density": {"probe": 0.0152328, "reference": 0.0153599},
        "crowding": {"probe": 0.2722811, "reference": 0.2639719},
        "quality_check": {
            "policy": "decide",
            "probe": {
                "norm": _within(12.61243, 9.201),
                "detection_score": _within(0.9379252, 0.8817),
                "evenness_of_detail": _within(0.8591334, 0.6062),
                "eye_light": _within(0.8266421, 0.1674),
                "crowding": _not_judged(0.2722811),
            },
            "reference": {
                "norm": _within(12.36397, 9.201),
                "detection_score": _within(0.9354686, 0.8817),
                "evenness_of_detail": _within(0.8801389, 0.6062),
                "eye_light": _within(0.8273031, 0.1674),
                "crowding": _not_judged(0.2639719),
            },
        },
        **_MADE_BY,
    },
    "detail=basic": _BASIC,
}
EMBEDDED: Final[dict[str, Any]] = {"the first four of the embedding's 128 values": _EMBEDDED}
VERIFIED_BATCH: Final[dict[str, Any]] = {
    "a pair, and one without a face": {
        **_MADE_BY,
        "items": [
            {"status": 200, "answer": _BASIC, "problem": None},
            {"status": 422, "answer": None, "problem": _PROBLEM},
        ],
    }
}
EMBEDDED_BATCH: Final[dict[str, Any]] = {
    "a face, the first four of its embedding's 128 values, and a picture without one": {
        **_MADE_BY,
        "items": [
            {"status": 200, "answer": _EMBEDDED, "problem": None},
            {"status": 422, "answer": None, "problem": {**_PROBLEM, "image": "image"}},
        ],
    }
}
