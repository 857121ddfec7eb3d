"""One exception class per failure, each with a stable code, grouped by who can mend it; nothing here knows of HTTP.

A message is written for whoever can mend it: it says what was wrong and what to do about it, and never contains
pixels, embeddings or tokens. Failures of the tools alone are in ``models.tool_errors``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


class IdaError(Exception):
    """Base of every failure that this project foresees.

    Attributes:
        code: stable, machine-readable name of the failure.
        image: which input it concerns ("probe", "reference" or "image"), or None where it concerns none.
        picture: which of several pictures of that input, from 0; None where there is one.
    """

    code: ClassVar[str] = "error"

    def __init_subclass__(cls, code: str | None = None) -> None:
        if code is not None:
            cls.code = code

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.image: str | None = None
        self.picture: int | None = None

    def about(self, image: str, picture: int | None = None) -> Self:
        """Return this error, marked as being about one input ("probe", "reference" or "image"), or a picture of it."""
        self.image, self.picture = image, picture
        return self


class InputError(IdaError):
    """Caller: what was sent, or asked for, cannot be used; something else may be."""


class ImageUndecodable(InputError, code="image_undecodable"):
    """The bytes claim to be an image of a supported type and cannot be decoded, or not without loss."""


class ImageTooLarge(InputError, code="image_too_large"):
    """The image has more bytes, pixels, or parts (scans, segments, chunks) than the limits allow."""


class UnsupportedImageType(InputError, code="unsupported_image_type"):
    """The bytes are no image of a supported format, or one of a kind that no camera writes."""


class NoFace(InputError, code="no_face"):
    """No face was found. This is never a non-match."""


class SeveralFaces(InputError, code="several_faces"):
    """More than one face was found and the policy is ``reject``."""


class FaceTooSmall(InputError, code="face_too_small"):
    """The chosen face is smaller than the smallest that is embedded."""


class InvalidCrop(InputError, code="invalid_crop"):
    """An aligned crop was expected and the image is not 112x112."""


class InvalidEmbedding(InputError, code="invalid_embedding"):
    """An embedding has a value that is not finite, or no direction (norm zero)."""


class DimensionMismatch(InputError, code="dimension_mismatch"):
    """An embedding has another dimension than the backbone or the anchor set."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why no rate can be vouched for with one of the faces.

    Attributes:
        image: which input it concerns ("probe", "reference" or "image").
        code: stable, machine-readable name of the reason.
        says: what is wrong, in words that stand in a sentence.
        advice: what the person should do, a sentence.
    """

    image: str
    code: str
    says: str
    advice: str


class LowQuality(InputError, code="low_quality"):
    """A face lies beyond the limits of the calibrated people, and the quality policy is ``gate``.

    Attributes:
        doubts: every reason, of both faces.
    """

    def __init__(self, message: str, doubts: Sequence[Doubt] = ()) -> None:
        super().__init__(message)
        self.doubts = tuple(doubts)

    @classmethod
    def of(cls, doubts: Sequence[Doubt]) -> Self:
        """Return the error of some doubts, 1 or more, about the first face that has one."""
        told = "; ".join(doubt.says for doubt in doubts)
        advice = " ".join(dict.fromkeys(doubt.advice for doubt in doubts))
        return cls(f"{told[:1].upper()}{told[1:]}. {advice}", doubts).about(doubts[0].image)


class InvalidBase64(InputError, code="invalid_base64"):
    """A field that should hold base64 does not."""


class DocumentTooComplex(InputError, code="document_too_complex"):
    """A JSON document has more bytes, objects, arrays or values than are parsed."""


class UnknownMethod(InputError, code="unknown_method"):
    """The asked scoring method does not exist."""


class UnknownOperatingPoint(InputError, code="unknown_operating_point"):
    """The asked operating point does not exist."""


class MethodNotServed(InputError, code="method_not_served"):
    """The asked scoring method exists, and what is served lacks the part that it needs."""


class LivenessNotServed(InputError, code="liveness_not_served"):
    """The asked liveness policy needs the liveness part, which is not installed."""


class OperatorError(IdaError):
    """Operator: what the service, or a tool, is set up with or stands on cannot be used."""


class SettingsInvalid(OperatorError, code="settings_invalid"):
    """A setting has a value that cannot be used."""


class PackNotFound(OperatorError, code="pack_not_found"):
    """The model pack is not in the data folder."""


class PackInvalid(OperatorError, code="pack_invalid"):
    """A model pack's manifest or one of its files does not hold."""


class DeviceUnavailable(OperatorError, code="device_unavailable"):
    """A device was asked for and is not there; there is no silent fallback."""


class StoreInvalid(OperatorError, code="store_invalid"):
    """The settings name a store that cannot be one."""


class StoreUnavailable(OperatorError, code="store_unavailable"):
    """The store of bundles and activations cannot be reached, or refuses."""


class ActivationInvalid(OperatorError, code="activation_invalid"):
    """A record of the store cannot be read."""


class StorageFull(OperatorError, code="storage_full"):
    """The disk has no room."""


class LocalCopyUnusable(OperatorError, code="local_copy_unusable"):
    """The folder of local copies cannot be written or read."""


class BundleExists(OperatorError, code="bundle_exists"):
    """The folder that a bundle should be written to is there already."""


class BundleNotWritten(OperatorError, code="bundle_not_written"):
    """A bundle cannot be written where it should be."""


class BundleUnusable(IdaError):
    """Operator or administrator, who chose the bundle: it cannot be served; what is served stays."""


class BundleInvalid(BundleUnusable, code="bundle_invalid"):
    """An anchor bundle cannot be read, or a part of it is not what its manifest says."""


class BundleMismatch(BundleUnusable, code="bundle_mismatch"):
    """An anchor bundle was made for another backbone."""


class BundleNotTrusted(BundleUnusable, code="bundle_not_trusted"):
    """Only signed bundles are taken, and this one is not signed by a key that is trusted."""


class BundleUncalibrated(BundleUnusable, code="bundle_uncalibrated"):
    """A bundle would take decisions away that requests get now, or gives none at all."""


class CalibrationInconsistent(BundleUnusable, code="calibration_inconsistent"):
    """A bundle's thresholds contradict its own curve from score to false-match rate."""


class GoldenCheckFailed(BundleUnusable, code="golden_check_failed"):
    """The bundle's golden pairs do not score here as they did when it was made."""


class HeadMismatch(BundleUnusable, code="head_mismatch"):
    """An SSR head was trained for other anchors, other parameters or another backbone than it should serve."""


class TooFewAnchors(BundleUnusable, code="too_few_anchors"):
    """An anchor set has fewer anchors than a support set needs."""


class AdminError(IdaError):
    """Administrator: the request cannot be met as things are; what is served stays as it is."""


class StaleGeneration(AdminError, code="stale_generation"):
    """The generation that was expected is not the newest any more."""


class GenerationUnknown(AdminError, code="unknown_generation"):
    """The store has no readable record of this generation."""


class BundleUnknown(AdminError, code="unknown_anchor_set"):
    """The store has no bundle of this id."""


class BundleIdMismatch(AdminError, code="anchor_set_id_mismatch"):
    """What was uploaded is another bundle than the id says."""


class AnchorSetInUse(AdminError, code="anchor_set_in_use"):
    """The bundle is active, or within its retention."""


class NothingToRollBack(AdminError, code="nothing_to_roll_back"):
    """No bundle was active before this one."""


class UploadInvalid(AdminError, code="upload_invalid"):
    """What was uploaded is no archive of a bundle."""


class UploadTooLarge(AdminError, code="upload_too_large"):
    """What was uploaded is larger than the limit, packed or unpacked."""


class ComputationFailed(IdaError):
    """Nobody by another input or setting: a library failed while computing; the log has the details."""


class InferenceFailed(ComputationFailed, code="inference_failed"):
    """ONNX Runtime failed while running a graph."""


class SearchFailed(ComputationFailed, code="search_failed"):
    """The anchor index failed while searching."""
