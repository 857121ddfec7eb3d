"""What each failure looks like to a client, for the OpenAPI document; and which failures operations have in common."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, get_args

from service import errors
from service.api import problems
from service.api.wire.verify_wire import Problem
from service.choices import FacePolicy
from service.faces.pictures.formats import IN_WORDS
from service.faces.select import no_face
from service.scoring.population import MEASURES

_OF_AN_IMAGE = frozenset(
    {
        errors.InvalidBase64,
        errors.ImageTooLarge,
        errors.UnsupportedImageType,
        errors.ImageUndecodable,
        errors.NoFace,
        errors.SeveralFaces,
        errors.FaceTooSmall,
        errors.LowQuality,
        errors.InvalidCrop,
        errors.InvalidEmbedding,
        errors.DimensionMismatch,
    }
)

_REASONS = (MEASURES["norm"].doubt("probe"),)
_DETAILS: Mapping[type[errors.IdaError], str] = MappingProxyType(
    {
        problems.InvalidRequest: f"face_policy must be one of {', '.join(get_args(FacePolicy))}.",
        problems.UnknownField: "The field 'threshhold' is not known; see /docs.",
        errors.InvalidBase64: "image is not base64: a character is missing. Send the file's bytes in base64.",
        errors.UnknownMethod: "There is no method 'dao'. Ask for one of: cosine, ida-r, ida-l.",
        errors.MethodNotServed: "The method pfe is not served here: the bundle has no PFE head.",
        errors.LivenessNotServed: "liveness_policy=require needs the liveness part, which is not installed here.",
        errors.UnknownOperatingPoint: "There is no operating point 'strict'. Ask for one of: fmr_1e-3, fmr_1e-4.",
        problems.Unauthorized: "The admin API needs a token: send it as Authorization: Bearer TOKEN.",
        problems.ReadOnlyToken: "The token of bob may read, and this changes something. Use one that may write.",
        problems.KeyUnknown: "This service asks for a key: send it as Authorization: Bearer KEY.",
        problems.ScopeMissing: "The key of shop is good for verify, and this takes embed. Ask the operator for one.",
        problems.RateLimited: "The key of shop may ask 20 times a second. Try again in 1 s.",
        problems.KeysUnavailable: "The service cannot read its file of keys, and answers nobody until that is mended.",
        problems.AuditUnavailable: "The service cannot write its audit log, and answers nothing without it.",
        errors.BundleUnknown: "The store has no anchor set 13b6316fe7b37f52. Send it first.",
        errors.GenerationUnknown: "There is no generation 3 that can be gone back to; the newest is 2.",
        problems.SlowRequest: "The request's body did not arrive within 30 s. Send it faster, or allow more time.",
        errors.AnchorSetInUse: "The bundle 13b6316fe7b37f52 cannot be deleted: it is active.",
        errors.NothingToRollBack: "No anchor set was active before this one. Name the one to activate.",
        errors.StaleGeneration: "The newest generation is 8, not 7 as was expected. Look at GET /admin/activations.",
        problems.RequestTooLarge: "The request's body is larger than 44739242 bytes. Send smaller images.",
        errors.DocumentTooComplex: "The document holds more than 8256 values. Send a smaller one.",
        errors.ImageTooLarge: "The image has 60,000,000 pixels, the limit is 50,000,000. Send a smaller one.",
        errors.UploadTooLarge: "The upload is larger than 2147483648 bytes. Send a smaller bundle.",
        problems.UnsupportedMediaType: "The body's type is text/plain, which is not taken here.",
        errors.UnsupportedImageType: f"The file is a PDF document, not a {IN_WORDS} image.",
        errors.ImageUndecodable: "The file cannot be decoded: it is damaged or cut short. Send it again.",
        errors.NoFace: no_face().message,
        errors.SeveralFaces: "3 faces were found in the image, and the face policy is 'reject'.",
        errors.FaceTooSmall: "The face is 14 pixels across, the smallest that is compared is 20.",
        errors.LowQuality: errors.LowQuality.of(_REASONS).message,
        errors.InvalidCrop: "An aligned crop is 112x112 pixels, this image is 640x480.",
        errors.InvalidEmbedding: "An embedding must have finite values only.",
        errors.DimensionMismatch: "The embedding has 128 values, the backbone's have 512.",
        errors.TooFewAnchors: "The guard cosine 0.3 leaves 31 anchors for a face, and k = 50 are needed.",
        errors.UploadInvalid: "The archive has no manifest.json: send the files of one anchor set.",
        errors.BundleIdMismatch: "The archive holds another anchor set than the id says. Send it under its own id.",
        errors.BundleInvalid: "The anchor set's embeddings are not what its manifest says. Send it again.",
        errors.BundleMismatch: "The anchor set was made for another backbone than the model pack has.",
        errors.HeadMismatch: "The anchor set has a head that was trained for another pipeline than is served.",
        errors.BundleNotTrusted: "The anchor set is not signed by a key of IDA_BUNDLE_KEYS. Sign it.",
        errors.CalibrationInconsistent: "The calibration contradicts itself. Calibrate the anchor set again.",
        errors.BundleUncalibrated: "The anchor set would take decisions away. Run `ida-verify calibrate` on it.",
        errors.GoldenCheckFailed: "The anchor set scores its golden pairs otherwise than when it was made.",
        errors.SettingsInvalid: "IDA_OPERATING_POINT does not fit the anchor set 13b6316fe7b37f52.",
        problems.Overloaded: "32 requests wait already, 0.8 s of work. Try again in 1 s, or at another replica.",
        problems.TooManyAttempts: "Too many wrong tokens came from 192.0.2.7: try again in 32 s.",
        errors.ActivationInvalid: "The record of generation 8 in the store cannot be read: activate a bundle anew.",
        errors.StoreUnavailable: "The store cannot be reached. Check IDA_STORE, the network and the store itself.",
        errors.StoreInvalid: "The store has the format 2, this version reads 1.",
        errors.DeviceUnavailable: "IDA_ANCHOR_DEVICE=cuda: faiss finds no CUDA device.",
        errors.LocalCopyUnusable: "The upload cannot be kept. Set IDA_CACHE to a folder that can be written.",
        problems.DeadlineExceeded: "The request was not done by its deadline. Try again later, or send less at once.",
        errors.StorageFull: "The disk has no room for the upload. Make room, and send it again.",
    }
)

OF_A_CALLER = (problems.KeyUnknown, problems.ScopeMissing, problems.RateLimited, problems.KeysUnavailable)
"""Of every request that takes a key, where the service asks for one."""

OF_A_REQUEST = (
    *OF_A_CALLER,
    problems.InvalidRequest,
    problems.UnknownField,
    errors.InvalidBase64,
    errors.UnknownMethod,
    errors.MethodNotServed,
    errors.LivenessNotServed,
    problems.SlowRequest,
    problems.RequestTooLarge,
    errors.DocumentTooComplex,
    problems.UnsupportedMediaType,
    errors.TooFewAnchors,
    problems.Overloaded,
    problems.DeadlineExceeded,
    problems.AuditUnavailable,
)
"""Of every request that computes."""

OF_A_PAIR = (errors.UnknownOperatingPoint, errors.LowQuality)
"""Of two faces that are compared."""

OF_A_FACE = tuple(kind for kind in _DETAILS if kind in _OF_AN_IMAGE and kind not in (*OF_A_REQUEST, *OF_A_PAIR))
"""Of a photograph, a crop or an embedding; in a batch they stand in the item."""

OF_AN_ADMINISTRATOR = (problems.Unauthorized, problems.TooManyAttempts)
"""Of every request to the admin API."""

OF_THE_STORE = (errors.StoreUnavailable, errors.StoreInvalid, errors.ActivationInvalid)
"""Of every request that asks the store."""

OF_A_BUNDLE = (
    errors.BundleUnknown,
    errors.BundleInvalid,
    errors.BundleMismatch,
    errors.HeadMismatch,
    errors.BundleNotTrusted,
    errors.LocalCopyUnusable,
    errors.StorageFull,
)
"""Of every request that reads a bundle."""

OF_AN_ACTIVATION = (
    *OF_A_BUNDLE,
    problems.InvalidRequest,
    errors.StaleGeneration,
    errors.CalibrationInconsistent,
    errors.BundleUncalibrated,
    errors.TooFewAnchors,
    errors.GoldenCheckFailed,
    errors.SettingsInvalid,
    errors.DeviceUnavailable,
)
"""Of every request that puts an anchor set in force."""


def problem_examples(
    failures: tuple[type[errors.IdaError], ...], image: str | None = None
) -> dict[int, dict[str, dict[str, Any]]]:
    """Return the examples of what failures are answered, by status and code; an unforeseen fault is always among them.

    Args:
        failures: the failures.
        image: the input that those of a face are about.
    """
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for kind in failures:
        about = image if kind in _OF_AN_IMAGE else None
        reasons = _REASONS if kind is errors.LowQuality else ()
        found.setdefault(problems.STATUS[kind], {})[kind.code] = _example(
            problems.STATUS[kind], kind.code, _DETAILS[kind], about, reasons
        )
    found[500] = {"internal_error": _example(500, "internal_error", problems.INTERNAL_DETAIL)}
    return dict(sorted(found.items()))


def _example(
    status: int, code: str, detail: str, image: str | None = None, reasons: tuple[errors.Doubt, ...] = ()
) -> dict[str, Any]:
    shown = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    rest = {"code": code, "image": image, "request_id": "order-17", "reasons": reasons}
    return Problem.model_validate({**shown, **rest}).model_dump()
