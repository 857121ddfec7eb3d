"""One exception class per failure, each with a stable code; this module knows nothing of HTTP.

A message is written for the caller: it says what was wrong and what to do about it, and never contains pixels,
embeddings or tokens.
"""

from typing import ClassVar, Self


class IdaError(Exception):
    """Base of every failure that this project foresees.

    Attributes:
        code: stable, machine-readable name of the failure.
        image: which input it concerns ("probe", "reference" or "image"), or None where it concerns none.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.image: str | None = None

    def about(self, image: str) -> Self:
        """Return this error, marked as being about one input ("probe", "reference" or "image")."""
        self.image = image
        return self


class InputError(IdaError):
    """The caller's input cannot be used; another input may be."""


class ImageUndecodable(InputError):
    """The bytes claim to be an image of a supported type and cannot be decoded, or not without loss."""

    code = "image_undecodable"


class ImageTooLarge(InputError):
    """The image has more bytes, pixels, or parts (scans, segments, chunks) than the limits allow."""

    code = "image_too_large"


class UnsupportedImageType(InputError):
    """The bytes are not a JPEG, PNG, WebP or BMP image, or one of a kind that no camera writes."""

    code = "unsupported_image_type"


class NoFace(InputError):
    """No face was found. This is never a non-match."""

    code = "no_face"


class SeveralFaces(InputError):
    """More than one face was found and the policy is ``reject``."""

    code = "several_faces"


class FaceTooSmall(InputError):
    """The chosen face is smaller than the smallest that is embedded."""

    code = "face_too_small"


class InvalidCrop(InputError):
    """An aligned crop was expected and the image is not 112x112."""

    code = "invalid_crop"


class InvalidEmbedding(InputError):
    """An embedding has a value that is not finite, or no direction (norm zero)."""

    code = "invalid_embedding"


class DimensionMismatch(InputError):
    """An embedding has another dimension than the backbone or the anchor set."""

    code = "dimension_mismatch"


class InvalidBase64(InputError):
    """A field that should hold base64 does not."""

    code = "invalid_base64"


class DocumentTooComplex(InputError):
    """A JSON document has more bytes, objects, arrays or values than are parsed."""

    code = "document_too_complex"


class UnknownMethod(InputError):
    """The asked scoring method does not exist."""

    code = "unknown_method"


class UnknownOperatingPoint(InputError):
    """The asked operating point does not exist."""

    code = "unknown_operating_point"


class MethodNotServed(InputError):
    """The asked scoring method exists, and what is served lacks the part that it needs."""

    code = "method_not_served"


class StartupError(IdaError):
    """Something the service is configured with cannot be used; it does not start."""


class SettingsInvalid(StartupError):
    """A setting has a value that cannot be used."""

    code = "settings_invalid"


class PackNotFound(StartupError):
    """The model pack is not in the data folder."""

    code = "pack_not_found"


class PackInvalid(StartupError):
    """A model pack's manifest or one of its files does not hold."""

    code = "pack_invalid"


class BundleInvalid(StartupError):
    """An anchor bundle cannot be read, or a part of it is not what its manifest says."""

    code = "bundle_invalid"


class BundleMismatch(StartupError):
    """An anchor bundle was made for another backbone."""

    code = "bundle_mismatch"


class BundleNotTrusted(StartupError):
    """Only signed bundles are taken, and this one is not signed by a key that is trusted."""

    code = "bundle_not_trusted"


class CalibrationInconsistent(StartupError):
    """A bundle's thresholds contradict its own curve from score to false-match rate."""

    code = "calibration_inconsistent"


class TooFewAnchors(StartupError):
    """An anchor set has fewer anchors than a support set needs."""

    code = "too_few_anchors"


class HeadMismatch(StartupError):
    """An SSR head was trained for other anchors, other parameters or another backbone than it should serve."""

    code = "head_mismatch"


class DeviceUnavailable(StartupError):
    """A device was asked for and is not there; there is no silent fallback."""

    code = "device_unavailable"


class StoreInvalid(StartupError):
    """The settings name a store that cannot be one."""

    code = "store_invalid"


class StoreUnavailable(StartupError):
    """The store of bundles and activations cannot be reached, or refuses."""

    code = "store_unavailable"


class ToolError(IdaError):
    """A command of the tools cannot do what it was asked; the running service never raises it."""


class PackSourceUnavailable(ToolError):
    """A model pack's source package cannot be fetched or read."""

    code = "pack_source_unavailable"


class GraphNotConvertible(ToolError):
    """A network of a model pack cannot take batches, or does not compute the same once it does."""

    code = "graph_not_convertible"


class PackConflict(ToolError):
    """Another model pack of the same name is installed."""

    code = "pack_conflict"


class PackStoreUnusable(ToolError):
    """The data folder cannot be read or written: no space, no permission, or no folder."""

    code = "pack_store_unusable"


class PackStoreBusy(ToolError):
    """Another process is changing the model packs of this data folder."""

    code = "pack_store_busy"


class BundleExists(ToolError):
    """The folder that a bundle should be written to is there already."""

    code = "bundle_exists"


class BundleNotWritten(ToolError):
    """A bundle cannot be written where it should be."""

    code = "bundle_not_written"


class KeyUnusable(ToolError):
    """A key that signs bundles cannot be written or read, or others could read it."""

    code = "key_unusable"


class CalibrationImpossible(ToolError):
    """The labelled faces are too few, or not of the kind, to calibrate with."""

    code = "calibration_impossible"


class ExclusionsInvalid(ToolError):
    """A file of excluded images and pairs cannot be read, or names what is not there."""

    code = "exclusions_invalid"


class GeneratorInvalid(ToolError):
    """A face generator cannot be loaded, or what it takes or gives is not a generator's."""

    code = "generator_invalid"


class GenerationConflict(ToolError):
    """A folder holds generated images of another run."""

    code = "generation_conflict"


class ImagesNotWritten(ToolError):
    """Generated images, embeddings on their way into a bundle, or a report on anchors cannot be written."""

    code = "images_not_written"


class ExtraMissing(ToolError):
    """Something needs a package that only an extra installs."""

    code = "extra_missing"


class RecipeInvalid(ToolError):
    """A recipe of degradations cannot be read, or says what it must not."""

    code = "recipe_invalid"


class AnchorSourceInvalid(ToolError):
    """What anchors should be made from cannot be used."""

    code = "anchor_source_invalid"


class LabelsInvalid(ToolError):
    """Labels of faces cannot be read, contradict each other, or do not allow what is asked of them."""

    code = "labels_invalid"


class ReportNotWritten(ToolError):
    """A report cannot be written where it should be."""

    code = "report_not_written"


class AblationInvalid(ToolError):
    """An ablation was asked of a parameter or a value that there is not."""

    code = "ablation_invalid"


class CacheUnusable(ToolError):
    """The embedding cache cannot be read or written."""

    code = "cache_unusable"


class TrainingImpossible(ToolError):
    """A head cannot be trained on what was given, or not as was asked."""

    code = "training_impossible"


class AdminError(IdaError):
    """An administrator's request cannot be met; what is served stays as it is."""


class StaleGeneration(AdminError):
    """The generation that was expected is not the newest any more."""

    code = "stale_generation"


class GenerationUnknown(AdminError):
    """The store has no readable record of this generation."""

    code = "unknown_generation"


class BundleUncalibrated(AdminError):
    """A bundle would take decisions away that requests get now, or gives none at all."""

    code = "bundle_uncalibrated"


class BundleUnknown(AdminError):
    """The store has no bundle of this id."""

    code = "unknown_anchor_set"


class AnchorSetInUse(AdminError):
    """The bundle is active, or within its retention."""

    code = "anchor_set_in_use"


class NothingToRollBack(AdminError):
    """No bundle was active before this one."""

    code = "nothing_to_roll_back"


class UploadInvalid(AdminError):
    """What was uploaded is no archive of a bundle."""

    code = "upload_invalid"


class UploadTooLarge(AdminError):
    """What was uploaded is larger than the limit, packed or unpacked."""

    code = "upload_too_large"


class BundleIdMismatch(AdminError):
    """What was uploaded is another bundle than the id says."""

    code = "anchor_set_id_mismatch"


class GoldenCheckFailed(AdminError):
    """The bundle's golden pairs do not score here as they did when it was made."""

    code = "golden_check_failed"


class ActivationInvalid(AdminError):
    """A record of the store cannot be read."""

    code = "activation_invalid"


class StorageFull(AdminError):
    """The disk has no room."""

    code = "storage_full"


class LocalCopyUnusable(AdminError):
    """The folder of local copies cannot be written or read."""

    code = "local_copy_unusable"


class ActivationIncomplete(ToolError):
    """Not every replica serves the generation that was activated."""

    code = "activation_incomplete"


class AdminUnreachable(ToolError):
    """The service's administration cannot be reached, or refuses the token."""

    code = "admin_unreachable"


class InferenceFailed(IdaError):
    """ONNX Runtime failed while running a graph."""

    code = "inference_failed"


class SearchFailed(IdaError):
    """The anchor index failed while searching."""

    code = "search_failed"
