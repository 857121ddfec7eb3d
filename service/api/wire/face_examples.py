"""What the requests about faces and their answers look like, for the OpenAPI document; from a real run."""

from typing import Any, Final

_ID: Final = "7b855b09cc60c18b"
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
    }
}
EMBED_BATCH_REQUESTS: Final[dict[str, Any]] = {"two photographs": {"faces": [_PHOTO, _PHOTO]}}

_COMPONENTS: Final[dict[str, float | None]] = {
    "illumination_uniformity": 69.7,
    "luminance_mean": 99.0,
    "luminance_variance": 85.0,
    "under_exposure_prevention": 99.8,
    "over_exposure_prevention": 97.3,
    "dynamic_range": 94.0,
    "sharpness": 96.5,
    "natural_colour": 100.0,
    "single_face_present": 100.0,
    "eyes_open": None,
    "mouth_closed": None,
    "inter_eye_distance": 21.0,
    "head_size": 0.3,
    "leftward_crop_of_the_face_image": 100.0,
    "rightward_crop_of_the_face_image": 100.0,
    "margin_above_of_the_face_image": 76.5,
    "margin_below_of_the_face_image": 100.0,
    "head_pose_yaw": 99.8,
    "head_pose_pitch": 92.0,
    "head_pose_roll": 99.8,
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
    "quality": {"unified": 88.3, "components": _COMPONENTS},
    "liveness": None,
}
_REFERENCE: Final[dict[str, Any]] = {
    **_PROBE,
    "box": {"left": 78.3, "top": 42.5, "right": 138.4, "bottom": 116.1},
    "landmarks": [[95.0, 66.4], [123.8, 68.2], [109.6, 84.9], [93.8, 92.1], [122.5, 93.3]],
    "image_width": 300,
    "image_height": 279,
    "quality": {
        "unified": 71.6,
        "components": {
            **_COMPONENTS,
            "illumination_uniformity": 67.0,
            "sharpness": 96.7,
            "inter_eye_distance": 19.9,
            "head_size": 1.3,
            "head_pose_pitch": 89.1,
        },
    },
}


def _brief(face: dict[str, Any]) -> dict[str, Any]:
    return {**face, "quality": {**face["quality"], "components": None}}


_MODEL: Final[dict[str, Any]] = {
    "pack": "opencv-sface",
    "backbone_id": "ab5297adc3acb1c3",
    "pipeline_id": "8a9edd690df4bda3",
}
_MADE_BY: Final[dict[str, Any]] = {
    "anchor_set": {"id": _ID, "generation": 0},
    "model": _MODEL,
    "request_id": "b72d816637f849f3b21c86c57995f07f",
    "timings_ms": {"decode": 1.67, "detect": 15.15, "align": 12.08, "embed": 38.11, "total": 67.01},
}
_BASIC: Final[dict[str, Any]] = {
    "decision": "match",
    "threshold": 0.379811,
    "score": 0.6488493,
    "similarity": 0.9514521,
    "fmr_at_score": 1e-09,
    "reasons": [],
    "faces": {"probe": _brief(_PROBE), "reference": _brief(_REFERENCE)},
}
_EMBEDDED: Final[dict[str, Any]] = {
    "embedding": [-0.0239623152, -0.134331927, 0.0715109333, 0.156832099],
    "norm": 12.61243,
    "dimension": 128,
    "density_method": "ida-r",
    "density": 0.01553522,
    "crowding": 0.2526223,
    "face": _PROBE,
    **_MADE_BY,
}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "No face was found in the image. Send a picture that shows the face upright and clearly.",
    "code": "no_face",
    "image": "reference",
    "request_id": _MADE_BY["request_id"],
    "reasons": [],
}

VERIFIED: Final[dict[str, Any]] = {
    "two photographs of one person": {
        **_BASIC,
        "faces": {"probe": _PROBE, "reference": _REFERENCE},
        "fmr_interval": [3.9e-11, 4.38e-08],
        "extrapolated": True,
        "no_decision_reason": None,
        "operating_point": _POINT,
        "method": "ida-r",
        "dao_score": 0.6488493,
        "cosine": {
            "decision": "match",
            "threshold": 0.4197243,
            "fmr_at_score": 2.22e-08,
            "fmr_interval": [1e-12, 4.98e-07],
            "extrapolated": True,
            "no_decision_reason": None,
            "reasons": [],
        },
        "density_method": "ida-r",
        "density": {"probe": 0.01553522, "reference": 0.01557623},
        "crowding": {"probe": 0.2526223, "reference": 0.2499862},
        "quality_check": {
            "policy": "decide",
            "probe": {
                "norm": {"value": 3.478385, "limit": 2.6, "within": True, "not_judged": None},
                "detection_score": {"value": 1.0, "limit": 0.79, "within": True, "not_judged": None},
                "crowding": {"value": 0.2526223, "limit": 0.42, "within": True, "not_judged": None},
            },
            "reference": {
                "norm": {"value": 3.287106, "limit": 2.6, "within": True, "not_judged": None},
                "detection_score": {"value": 1.0, "limit": 0.79, "within": True, "not_judged": None},
                "crowding": {"value": 0.2499862, "limit": 0.42, "within": True, "not_judged": None},
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
