"""What the requests to the admin API and its answers look like, for the OpenAPI document; from a real run."""

from typing import Any, Final

_ID: Final = "13b6316fe7b37f52"
_STORE_ID: Final = "c2307cc2d6b8c8c4199abfc379fe36b1"

ACTIVATE_REQUEST: Final[dict[str, Any]] = {"id": _ID, "expected_generation": 7, "dry_run": False}
ROLLBACK_REQUEST: Final[dict[str, Any]] = {"expected_generation": 8}

LISTED: Final[dict[str, Any]] = {
    "the anchor set that the service comes with, active": {
        "generation": 1,
        "active": _ID,
        "anchor_sets": [
            {
                "id": _ID,
                "state": "active",
                "served_here": True,
                "retained": True,
                "pushed_at": "2026-11-28T06:42:04.615154Z",
                "last_generation": 1,
                "anchors_digest": "035ae46b65051f21",
                "backbone_id": "ab5297adc3acb1c3",
                "count": 4743,
                "dimension": 128,
                "default_method": "ida-r",
                "parameters": {
                    "k": 50,
                    "tau": 1.0,
                    "strength": 0.4,
                    "cohort": 300,
                    "guard": None,
                    "norm_power": 0.4,
                    "typical_norm": 3.568,
                    "pfe_strength": 1.0,
                },
                "parts": {"calibration": 124199, "embeddings": 4856960, "golden_crop": 2176, "golden_pairs": 65664},
                "operating_points": {"ida-r": {"fmr_1e-3": 0.35268498307720453, "fmr_1e-4": 0.3798110472820452}},
                "provenance": {"command": "ida-verify anchors build", "pack": "opencv-sface"},
                "signed_by": None,
                "key_id": None,
                "error": None,
            }
        ],
    }
}
UPLOADED: Final[dict[str, Any]] = {"a new one": {"id": _ID, "created": True, "repaired": []}}
UPLOADED_BEFORE: Final[dict[str, Any]] = {
    "one that was there": {"id": _ID, "created": False, "repaired": []},
    "one that was there, damaged": {"id": _ID, "created": False, "repaired": ["embeddings.npy"]},
}
ACTIVATED: Final[dict[str, Any]] = {
    "a first activation": {
        "previous": None,
        "current": _ID,
        "generation": 1,
        "changed": True,
        "dry_run": False,
        "checks": [
            {"name": "parts", "detail": "all 9 parts are what the manifest says"},
            {"name": "backbone", "detail": "made for ab5297adc3acb1c3, which is served"},
            {"name": "golden pairs", "detail": "16 pairs by 6 methods, largest drift 5.87e-08"},
        ],
        "golden_drift": {"cosine": 0.0, "ida-r": 2.4267259855164243e-09},
        "crop_similarity": 0.9999999748816095,
        "seconds": {"check": 0.1046, "total": 0.1206},
    }
}
ACTIVATIONS: Final[dict[str, Any]] = {
    "one activation": {
        "activations": [
            {
                "generation": 1,
                "anchor_set_id": _ID,
                "who": "admin",
                "at": "2026-11-28T06:42:04.770000Z",
                "previous": None,
                "action": "activate",
                "restores": None,
                "allow_uncalibrated": False,
            }
        ]
    }
}
STORE: Final[dict[str, Any]] = {
    "a bucket that can be reached": {
        "replica": "replica-a",
        "url": "s3://anchors/production",
        "store_id": _STORE_ID,
        "reachable": True,
        "since": "2026-11-28T06:42:03.284000Z",
        "error": None,
        "newest_generation": 1,
        "last_error": None,
    }
}
REPLICAS: Final[dict[str, Any]] = {
    "one replica": {
        "generation": 1,
        "replicas": [
            {
                "replica": "replica-a",
                "alive": True,
                "seen_seconds_ago": 0.183,
                "started": "2026-11-28T06:42:03.282000Z",
                "version": "0.1.0",
                "backbone_id": "ab5297adc3acb1c3",
                "anchor_set_id": _ID,
                "generation": 1,
                "lagging": False,
                "store_id": _STORE_ID,
                "failed_generation": None,
                "failed_anchor_set_id": None,
                "error_code": None,
                "error": None,
            }
        ],
    }
}
