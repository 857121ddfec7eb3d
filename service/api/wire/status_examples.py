"""What ``/healthz``, ``/readyz`` and ``/info`` answer, for the OpenAPI document; from a real run."""

from dataclasses import asdict
from typing import Any, Final

from service.faces.pictures.formats import FORMATS
from service.pack import PREPARATION

_ID: Final = "988ebf28255aeb45"
_READY: Final[dict[str, Any]] = {
    "status": "ready",
    "anchor_set_id": _ID,
    "generation": 0,
    "newest_generation": 0,
    "lagging": False,
    "store": {"reachable": True, "since": "2026-11-28T06:42:03.284000+00:00"},
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
NOT_READY: Final[dict[str, Any]] = {"told to stop": {**_READY, "status": "draining"}}
INFO: Final[dict[str, Any]] = {
    "the default pack and anchor set, shortened": {
        "service": {"version": "0.1.0", "python": "3.11.7", "onnxruntime": "1.32.0", "faiss": "1.15.1"},
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
            "pipeline_id": "d5ebde4dc6a14e94",
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
            "norm_power": 0.4,
            "provenance": {"command": "ida-verify anchors build", "pack": "opencv-sface"},
        },
        "no_anchor_set": None,
        "ssr_head": {
            "head_sha256": "c037650153365a7f74264525db91391bdb91342594606710db765afbc79c7386",
            "target": "log-f",
            "k": 50,
            "tau": 1.0,
            "guard": None,
        },
        "calibration": {
            "population": "half of the people of two development sets of public web photographs: 74 celebrities with "
            "many pictures each (CelebA) and 1,548 people of LFW; mostly adults, frontal, press photographs",
            "methods": [
                {
                    "method": "ida-r",
                    "input_form": "photo",
                    "parameters": {
                        "k": 50,
                        "tau": 1.0,
                        "strength": 0.4,
                        "guard": None,
                        "norm_power": 0.4,
                        "typical_norm": 3.568,
                    },
                    "fmr_shown_down_to": 9.153343212841775e-07,
                    "operating_points": [
                        {
                            "name": "fmr_1e-4",
                            "fmr": 0.0001,
                            "threshold": 0.3798110472820452,
                            "quality": "measured",
                            "fmr_low": 6.507394473345688e-05,
                            "fmr_high": 0.00015009334422293216,
                            "fnmr": 0.1828417380272756,
                            "fnmr_low": 0.138710207233099,
                            "fnmr_high": 0.23356097274850204,
                            "false_matches": 326,
                            "non_mated_pairs": 3277491,
                            "mated_pairs": 18918,
                            "people": 1379,
                            "identity_pairs": 867223,
                        }
                    ],
                    "strata": None,
                }
            ],
            "limits": {
                "photo": {
                    "k": 50,
                    "tau": 1.0,
                    "guard": None,
                    "measures": {
                        "norm": {
                            "limit": 2.6,
                            "share": 0.005,
                            "quantiles": {"0.001": 2.2, "0.005": 2.6, "0.5": 3.56},
                            "faces": 3126,
                        },
                        "crowding": {
                            "limit": 0.42,
                            "share": 0.005,
                            "quantiles": {"0.5": 0.28, "0.995": 0.42},
                            "faces": 3126,
                        },
                    },
                }
            },
            "reference_pictures": [1, 2, 4, 8, 16],
        },
        "methods": ["as-norm", "cosine", "csls", "ida-l", "ida-r", "s-norm"],
        "not_served": {
            "pfe": "the bundle has no PFE head (`ida-verify pfe train` makes one)",
            "pfe+ida-r": "the bundle has no PFE head (`ida-verify pfe train` makes one)",
        },
        "default_method": "ida-r",
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
        },
        "receipt_key_id": None,
        "liveness": {"policy": "off", "liveness_id": None},
    }
}
