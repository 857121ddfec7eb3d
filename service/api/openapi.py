"""The parts of the OpenAPI document that FastAPI cannot infer: the two forms of a body, examples, and problems."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from service.api.problems import PROBLEM_JSON
from service.api.wire.verify_wire import EmbedRequest, Problem, VerifyRequest
from service.faces.pictures.formats import IN_WORDS
from service.scoring.methods import METHODS

_FILE = {"type": "string", "format": "binary", "description": f"{IN_WORDS} photograph."}
_POLICY = {"type": "string", "enum": ["largest", "most_central", "reject"]}
_METHOD = {"type": "string", "enum": list(METHODS)}
_BASE64 = "/9j/4AAQSkZJRgABAQAAAQABAAD..."


def _inlined(model: type[VerifyRequest] | type[EmbedRequest]) -> dict[str, Any]:
    """Return a model's JSON schema without references, so that it can stand inside an operation."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                named = resolve(definitions[node["$ref"].rpartition("/")[2]])
                return {**named, **{key: value for key, value in node.items() if key != "$ref"}}
            return {key: resolve(value) for key, value in node.items()}
        if isinstance(node, list):
            return [resolve(item) for item in node]
        return node

    return resolve(schema)  # type: ignore[no-any-return]


def _body(
    json_model: type[VerifyRequest] | type[EmbedRequest], files: list[str], options: dict[str, Any], examples: Any
) -> dict[str, Any]:
    form = {
        "type": "object",
        "required": files,
        "properties": {**dict.fromkeys(files, _FILE), **options},
        "additionalProperties": False,
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": _inlined(json_model), "examples": examples},
            },
        }
    }


VERIFY_BODY = _body(
    VerifyRequest,
    ["probe", "reference"],
    {
        "method": _METHOD,
        "operating_point": {"type": "string", "examples": ["fmr_1e-4"]},
        "face_policy": _POLICY,
    },
    {
        "photographs": {
            "summary": "Two photographs",
            "value": {
                "probe": {"image": _BASE64},
                "reference": {"image": _BASE64},
                "operating_point": "fmr_1e-4",
            },
        },
        "photograph and embedding": {
            "summary": "A photograph against an enrolled embedding, by plain cosine",
            "value": {
                "probe": {"image": _BASE64},
                "reference": {"embedding": [0.043, -0.012, 0.018]},
                "method": "cosine",
            },
        },
        "aligned crops": {
            "summary": "Two aligned 112x112 crops; several faces cannot occur",
            "value": {"probe": {"crop": _BASE64}, "reference": {"crop": _BASE64}, "method": "ida-r"},
        },
    },
)
EMBED_BODY = _body(
    EmbedRequest,
    ["image"],
    {"method": _METHOD, "face_policy": _POLICY},
    {
        "photograph": {"summary": "A photograph", "value": {"image": _BASE64}},
        "strict": {
            "summary": "A photograph that must show exactly one face",
            "value": {"image": _BASE64, "face_policy": "reject"},
        },
    },
)


_OF_NO_IMAGE = frozenset(
    {
        "unknown_field",
        "unknown_method",
        "method_not_served",
        "unknown_operating_point",
        "request_too_large",
        "document_too_complex",
        "unsupported_media_type",
        "internal_error",
        "request_timeout",
        "overloaded",
        "deadline_exceeded",
    }
)


def _problems(image: str, codes: dict[int, dict[str, str]]) -> dict[int | str, dict[str, Any]]:
    def example(status: int, code: str, detail: str) -> dict[str, Any]:
        value = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail.replace("IMAGE", image),
            "code": code,
            "image": None if code in _OF_NO_IMAGE else image,
            "request_id": "6b1f0c2e9d",
        }
        return {"value": value}

    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in named),
            "content": {
                PROBLEM_JSON: {
                    "schema": Problem.model_json_schema(),
                    "examples": {code: example(status, code, detail) for code, detail in named.items()},
                }
            },
        }
        for status, named in codes.items()
    }


def json_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Return the part of an operation that describes a JSON document which the endpoint reads itself."""
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": model.model_json_schema()}}}
    }


ADMIN_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {PROBLEM_JSON: {"schema": Problem.model_json_schema()}},
    }
    for status, codes in {
        400: ["invalid_request"],
        401: ["unauthorized"],
        404: ["unknown_anchor_set"],
        409: ["anchor_set_in_use", "nothing_to_roll_back"],
        412: ["stale_generation"],
        413: ["upload_too_large"],
        415: ["unsupported_media_type"],
        422: ["upload_invalid", "anchor_set_id_mismatch", "bundle_invalid", "bundle_mismatch", "golden_check_failed"],
        503: ["store_unavailable", "local_copy_unusable"],
        507: ["storage_full"],
    }.items()
}

_COMMON: dict[int, dict[str, str]] = {
    400: {
        "invalid_request": "The file 'IMAGE' is missing: with curl, -F IMAGE=@photo.jpg.",
        "unknown_field": "The field 'threshhold' is not known; see /docs.",
        "invalid_base64": "IMAGE is not base64: Incorrect padding.",
        "unknown_method": "There is no method 'dao'. Ask for one of: cosine, ida-r, ida-l.",
        "method_not_served": "The method ida-l is not served here: the anchor set has no SSR head. Ask for: cosine.",
    },
    413: {
        "image_too_large": "The image has 50,000,000 pixels, the limit is 40,000,000. Send a smaller one.",
        "request_too_large": "The request's body is larger than the limit.",
        "document_too_complex": "The document holds more than 8256 values. Send a smaller one.",
    },
    415: {
        "unsupported_image_type": f"The bytes are not a {IN_WORDS} image.",
        "unsupported_media_type": "The body's type is text/plain.",
    },
    422: {
        "no_face": "No face was found.",
        "several_faces": "3 faces were found and face_policy is reject.",
        "face_too_small": "The face's shorter side is 14 pixels, the least is 20.",
        "image_undecodable": "The image is damaged or incomplete.",
        "invalid_crop": "An aligned crop is 112x112 pixels, this image is 640x480.",
        "dimension_mismatch": "The embedding has 128 values, the backbone's have 512.",
        "invalid_embedding": "The embedding must have finite values, not all of them zero.",
    },
    408: {"request_timeout": "The request's body did not arrive within 30 s."},
    429: {"overloaded": "32 requests wait already, 0.8 s of work. Try again in 1 s, or at another replica."},
    500: {"internal_error": "The service failed in a way it did not foresee."},
    504: {"deadline_exceeded": "The request was not done by its deadline."},
}
BATCH_PROBLEMS = _problems("image", {status: codes for status, codes in _COMMON.items() if status not in (415, 422)})
EMBED_PROBLEMS = _problems("image", _COMMON)
VERIFY_PROBLEMS = _problems(
    "probe",
    {
        **_COMMON,
        400: {
            **_COMMON[400],
            "unknown_operating_point": "There is no operating point 'strict'. Ask for one of: fmr_1e-2, fmr_1e-3.",
        },
    },
)
