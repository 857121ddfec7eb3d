"""What ``/healthz``, ``/readyz`` and ``/info`` answer, for the OpenAPI document; from a real run."""

from dataclasses import asdict
from typing import Any, Final

from service.faces.pictures.formats import FORMATS
from service.pack import PREPARATION

_ID: Final = "13b6316fe7b37f52"
_READY: Final[dict[str, Any]] = {
    "status": "ready",
    "anchor_set_id": _ID,
    "generation": 0,
    "newest_generation": 0,
    "lagging": False,
    "store": {"reachable": True, "since": "2026-11-28T06:42:03.284000+00:00"},
    "api_keys": "off",
    "last_error": None,
}

ALIVE: Final[dict[str, Any]] = {"alive": {"status": "alive"}}
READY: Final[dict[str, Any]] = {
    "ready": _READY,
    "ready, with cosine alone": {**_READY, "anchor_set_id": None},
    "ready, and behind the other replicas": {
        **_READY,
        "newest_generation": 1,
        "lagging": True,
        "last_error": {"generation": 1, "code": "golden_check_failed"},
    },
}
NOT_READY: Final[dict[str, Any]] = {
    "told to stop": {**_READY, "status": "draining"},
    "the file of keys cannot be read": {**_READY, "status": "not ready", "api_keys": "unreadable"},
}
INFO: Final[dict[str, Any]] = {
    "the default pack and anchor set, shortened": {
        "service": {
            "version": "0.1.0",
            "revision": "1f3c9ab",
            "python": "3.11.7",
            "onnxruntime": "1.32.0",
            "faiss": "1.15.1",
        },
        "device": {
            "models": "cpu",
            "anchors": "cpu",
            "provider": "CPUExecutionProvider",
            "threads": 1,
            "workers": 2,
        },
        "model": {
            "pack": "opencv-sface",
            "backbone_id": "ab5297adc3acb1c3",
            "pipeline_id": "a8cb75cd6365f275",
            "description": "YuNet detector, five landmarks by MTCNN's ONet on its boxes, SFace backbone (128-d)",
            "detector": "yunet",
            "preparation": asdict(PREPARATION),
            "dimension": 128,
        },
        "anchor_set": {
            "id": _ID,
            "generation": 0,
            "anchors_digest": "035ae46b65051f21",
            "count": 4743,
            "search": "on",
            "k": 50,
            "tau": 1.0,
            "strength": 0.4,
            "norm_power": 0.7,
            "provenance": {"command": "ida-verify anchors build", "pack": "opencv-sface"},
        },
        "no_anchor_set": None,
        "ssr_head": {
            "head_sha256": "1d0f8a3a892198614b068e7daa5ee9dc2171e0b414f8d3596894ff62cd54e1d7",
            "target": "log-f",
            "k": 50,
            "tau": 1.0,
            "guard": None,
        },
        "calibration": {
            "population": "CelebA and LFW: web photographs of celebrities and of people in the news",
            "methods": [
                {
                    "method": "ida-q",
                    "input_form": "photo",
                    "parameters": {"k": 50, "tau": 1.0, "guard": None, "typical_norm": 12.504},
                    "fmr_shown_down_to": 1.9373287078534138e-06,
                    "operating_points": [
                        {
                            "name": "fmr_1e-4",
                            "fmr": 0.0001,
                            "threshold": 5.453724350980919,
                            "quality": "measured",
                            "fmr_low": 1.9651023379364998e-05,
                            "fmr_high": 0.0005211637986860359,
                            "fnmr": 0.15351829513470044,
                            "fnmr_low": 0.10636028179757202,
                            "fnmr_high": 0.2092517551086133,
                            "false_matches": 163,
                            "non_mated_pairs": 1548524,
                            "mated_pairs": 12435,
                            "people": 973,
                            "identity_pairs": 429221,
                        }
                    ],
                    "strata": {
                        "norms": [10.454, 11.383, 12.645],
                        "strata": [
                            {
                                "stratum": "poor-poor",
                                "pairs": 31576,
                                "people": 202,
                                "fmr_shown_down_to": 9.500886749429947e-05,
                                "thresholds": {"fmr_1e-3": 4.80875, "fmr_1e-4": 7.129806},
                            }
                        ],
                    },
                }
            ],
            "limits": {
                "photo": {
                    "k": 50,
                    "tau": 1.0,
                    "guard": None,
                    "measures": {
                        "norm": {
                            "limit": 9.201,
                            "share": 0.005,
                            "quantiles": {"0.001": 7.363, "0.005": 9.201, "0.5": 12.57},
                            "faces": 2461,
                        },
                        "crowding": {
                            "limit": None,
                            "share": 0.0,
                            "quantiles": {"0.5": 0.2481, "0.995": 0.3279},
                            "faces": 2461,
                        },
                    },
                }
            },
            "reference_pictures": [1, 2, 4, 8, 16],
        },
        "methods": ["as-norm", "cosine", "csls", "ida-l", "ida-q", "ida-ql", "ida-r", "s-norm"],
        "not_served": {
            "pfe": "the bundle has no PFE head (`ida-verify pfe train` makes one)",
            "pfe+ida-r": "the bundle has no PFE head (`ida-verify pfe train` makes one)",
        },
        "default_method": "ida-r",
        "operating_point": "fmr_1e-4",
        "anchor_set_default_method": "ida-r",
        "limits": {
            "max_image_bytes": 16777216,
            "max_image_pixels": 50000000,
            "max_full_image_pixels": 25000000,
            "max_image_side": 16384,
            "min_face_pixels": 20,
            "damaged_images": "refuse",
            "image_formats": [kind.name for kind in FORMATS],
            "face_policy": "prominent",
            "quality_policy": "decide",
            "max_batch": 64,
            "max_embedding_pairs": 4096,
        },
        "receipt_key_id": None,
        "liveness": {"policy": "off", "liveness_id": None},
    }
}
_POINT: Final = INFO["the default pack and anchor set, shortened"]["calibration"]["methods"][0]["operating_points"][0]
CURVES: Final[dict[str, Any]] = {
    "one method's, shortened": {
        "anchor_set": {"id": _ID, "generation": 0},
        "curves": [
            {
                "method": "ida-r",
                "input_form": "photo",
                "stratum": None,
                "scale": "log",
                "scores": [0.1375, 0.2902, 0.3114, 0.342, 0.391, 0.4231],
                "fmr": [1.0, 0.3162, 0.1, 0.009968, 9.185e-05, 9.343e-06],
                "fmr_low": [0.9226, 0.2917, 0.09225, 0.008266, 5.103e-05, 9.058e-07],
                "fmr_high": [1.0, 0.3436, 0.1086, 0.0123, 0.000146, 2.678e-05],
                "fmr_shown_down_to": 1.936e-06,
                "thresholds": {"fmr_1e-4": 0.3901977},
                "operating_points": [_POINT],
            }
        ],
    }
}
