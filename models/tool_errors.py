"""Failures that a command of the tools alone can have; the service raises none of them."""

from service.errors import IdaError


class ToolError(IdaError):
    """A command cannot do what it was asked; its message says why and what to do."""


class PackSourceUnavailable(ToolError):
    """A model pack's source package cannot be fetched or read."""


class GraphNotConvertible(ToolError):
    """A network of a model pack cannot take batches, or does not compute the same once it does."""


class PackConflict(ToolError):
    """Another model pack of the same name is installed."""


class PackStoreUnusable(ToolError):
    """The data folder cannot be read or written: no space, no permission, or no folder."""


class PackStoreBusy(ToolError):
    """Another process is changing the model packs of this data folder."""


class KeyUnusable(ToolError):
    """A key that signs bundles cannot be written or read, or others could read it."""


class CalibrationImpossible(ToolError):
    """The labelled faces are too few, or not of the kind, to calibrate with."""


class ExclusionsInvalid(ToolError):
    """A file of excluded images and pairs cannot be read, or names what is not there."""


class GeneratorInvalid(ToolError):
    """A face generator cannot be loaded, or what it takes or gives is not a generator's."""


class GenerationConflict(ToolError):
    """A folder holds generated images of another run."""


class ImagesNotWritten(ToolError):
    """Generated images, or embeddings on their way into a bundle, cannot be written."""


class ExtraMissing(ToolError):
    """Something needs a package that only an extra installs."""


class RecipeInvalid(ToolError):
    """A recipe of degradations cannot be read, or says what it must not."""


class AnchorSourceInvalid(ToolError):
    """What anchors should be made from cannot be used."""


class LabelsInvalid(ToolError):
    """Labels of faces cannot be read, contradict each other, or do not allow what is asked of them."""


class ReportNotWritten(ToolError):
    """A report or a picture cannot be written where it should be."""


class ReplayImpossible(ToolError):
    """An answer, or an embedding of it, cannot be read, or does not say enough to be computed again."""


class AblationInvalid(ToolError):
    """An ablation was asked of a parameter or a value that there is not."""


class CacheUnusable(ToolError):
    """The embedding cache cannot be read or written."""


class TrainingImpossible(ToolError):
    """A head cannot be trained on what was given, or not as was asked."""


class ActivationIncomplete(ToolError):
    """Not every replica serves the generation that was activated."""


class AdminUnreachable(ToolError):
    """The service's administration cannot be reached, or refuses the token."""
