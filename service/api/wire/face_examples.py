"""What the requests about faces and their answers look like, for the OpenAPI document; from a real run."""

from typing import Any, Final

from service.faces.select import no_face

_ID: Final = "13b6316fe7b37f52"
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
    "illumination_uniformity": 70.9,
    "luminance_mean": 98.9,
    "luminance_variance": 84.4,
    "under_exposure_prevention": 99.8,
    "over_exposure_prevention": 97.6,
    "dynamic_range": 93.9,
    "sharpness": 96.5,
    "natural_colour": 100.0,
    "single_face_present": 100.0,
    "eyes_open": None,
    "mouth_closed": None,
    "inter_eye_distance": 20.8,
    "head_size": 0.4,
    "leftward_crop_of_the_face_image": 100.0,
    "rightward_crop_of_the_face_image": 100.0,
    "margin_above_of_the_face_image": 71.6,
    "margin_below_of_the_face_image": 100.0,
    "head_pose_yaw": 99.8,
    "head_pose_pitch": 88.5,
    "head_pose_roll": 99.7,
}
_PROBE: Final[dict[str, Any]] = {
    "box": {"left": 179.3, "top": 62.4, "right": 269.4, "bottom": 175.0},
    "landmarks": [[203.6, 100.0], [246.7, 102.8], [224.7, 128.6], [201.2, 138.8], [244.7, 141.4]],
    "cut_off": 0.0,
    "rotated_by": 0,
    "detection_score": 0.9379,
    "landmark_score": 0.9999,
    "faces_found": 1,
    "image_width": 512,
    "image_height": 512,
    "exif_rotated": False,
    "quality": {"unified": 77.1, "components": _COMPONENTS},
    "liveness": None,
}
_REFERENCE: Final[dict[str, Any]] = {
    **_PROBE,
    "box": {"left": 115.7, "top": 70.6, "right": 203.3, "bottom": 175.2},
    "landmarks": [[134.2, 104.7], [176.6, 101.3], [158.0, 128.7], [137.2, 142.4], [179.9, 139.4]],
    "detection_score": 0.9355,
    "landmark_score": 1.0,
    "image_width": 340,
    "image_height": 340,
    "quality": {
        "unified": 70.4,
        "components": {
            **_COMPONENTS,
            "illumination_uniformity": 68.9,
            "luminance_mean": 99.1,
            "luminance_variance": 86.7,
            "over_exposure_prevention": 100.0,
            "dynamic_range": 93.5,
            "sharpness": 96.3,
            "inter_eye_distance": 20.2,
            "head_size": 1.3,
            "margin_above_of_the_face_image": 81.2,
            "head_pose_yaw": 100.0,
            "head_pose_pitch": 91.4,
            "head_pose_roll": 99.3,
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
    "pipeline_id": "a8cb75cd6365f275",
}
_MADE_BY: Final[dict[str, Any]] = {
    "anchor_set": {"id": _ID, "generation": 0},
    "model": _MODEL,
    "request_id": "b72d816637f849f3b21c86c57995f07f",
    "timings_ms": {"decode": 2.42, "detect": 16.54, "align": 13.21, "embed": 36.5, "total": 68.67},
}
_MEASURED_ON: Final[dict[str, Any]] = {"stratum": "good-best", "pairs": 1_004_358, "people": 890}
_BASIC: Final[dict[str, Any]] = {
    "decision": "match",
    "threshold": 0.3840227,
    "score": 0.6506021,
    "similarity": 0.9652647,
    "fmr_at_score": 1.38e-07,
    "evidence": 6.86,
    "extrapolated": True,
    "operating_point": "fmr_1e-4",
    "method": "ida-r",
    "no_decision_reason": None,
    "reasons": [],
    "faces": {"probe": _brief(_PROBE), "reference": _brief(_REFERENCE)},
}
_EMBEDDED: Final[dict[str, Any]] = {
    "embedding": [-0.0301641654, -0.130225465, 0.0780657753, 0.157526329],
    "norm": 12.69328,
    "dimension": 128,
    "density_method": "ida-r",
    "density": 0.01525845,
    "crowding": 0.2705986,
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
        "fmr_interval": [1e-12, 1.51e-05],
        "fmr_sampling_interval": [1e-12, 1.51e-05],
        "fmr_between_sets": 1.0,
        "extrapolated": True,
        "evidence_interval": [4.82, 12.0],
        "population": _MEASURED_ON,
        "no_decision_reason": None,
        "operating_point": _POINT,
        "method": "ida-r",
        "llr": None,
        "llr_interval": None,
        "dao_score": 0.6506021,
        "cosine": {
            "decision": "match",
            "threshold": 0.4358135,
            "fmr_at_score": 1.81e-07,
            "fmr_interval": [9.9e-13, 1.47e-05],
            "fmr_sampling_interval": [1e-12, 1.43e-05],
            "fmr_between_sets": 1.62,
            "extrapolated": True,
            "evidence": 6.74,
            "evidence_interval": [4.83, 12.0],
            "population": _MEASURED_ON,
            "no_decision_reason": None,
            "reasons": [],
        },
        "density_method": "ida-r",
        "density": {"probe": 0.01525845, "reference": 0.01524278},
        "crowding": {"probe": 0.2705986, "reference": 0.2716266},
        "quality_check": {
            "policy": "decide",
            "probe": {
                "norm": _within(12.69328, 9.243),
                "detection_score": _within(0.9379252, 0.8864),
                "evenness_of_detail": _within(0.8614425, 0.5998),
                "eye_light": _within(0.8311345, 0.176),
                "crowding": _not_judged(0.2705986),
            },
            "reference": {
                "norm": _within(12.23188, 9.243),
                "detection_score": _within(0.9354686, 0.8864),
                "evenness_of_detail": _within(0.8655558, 0.5998),
                "eye_light": _within(0.8145435, 0.176),
                "crowding": _not_judged(0.2716266),
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
