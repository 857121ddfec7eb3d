"""Pictures that could not be read, named for whoever has to look at them."""

from collections.abc import Sequence

from models.anchors.image_folder import UNREADABLE
from service.errors import ImageTooLarge, ImageUndecodable, InvalidCrop, UnsupportedImageType

# A picture without a face was read; these were not.
_REASONS = frozenset(
    {UNREADABLE, *(error.code for error in (ImageUndecodable, ImageTooLarge, InvalidCrop, UnsupportedImageType))}
)
_NAMED = 5


def unreadable_sentence(images: Sequence[str], rejected: Sequence[str]) -> str:
    """Return which pictures could not be read and why, the first few by their path; "" where there are none.

    Args:
        images: paths of the pictures.
        rejected: of each, why there is no embedding, an error's code; "" where there is one.
    """
    found = [f"{image} ({reason})" for image, reason in zip(images, rejected, strict=True) if reason in _REASONS]
    if not found:
        return ""
    more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return f"{len(found):,} of {len(images):,} pictures could not be read: {', '.join(found[:_NAMED])}{more}."
