"""Pictures that could not be read, named for whoever has to look at them."""

from collections.abc import Sequence

from models.images.image_folder import UNREADABLE_CODES

_NAMED = 5


def unreadable_sentence(images: Sequence[str], rejected: Sequence[str]) -> str:
    """Return which pictures could not be read and why, the first few by their path; "" where there are none.

    Args:
        images: paths of the pictures.
        rejected: of each, why there is no embedding, an error's code; "" where there is one.
    """
    pairs = zip(images, rejected, strict=True)
    return named_sentence([f"{image} ({reason})" for image, reason in pairs if reason in UNREADABLE_CODES], len(images))


def named_sentence(found: Sequence[str], total: int) -> str:
    """Return how many of all pictures could not be read, the first few as they are named; "" for none."""
    if not found:
        return ""
    more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return f"{len(found):,} of {total:,} pictures could not be read: {', '.join(found[:_NAMED])}{more}."
