"""How HEIF turns and mirrors a picture, as the one of EXIF's eight orientations that comes to the same."""

from collections.abc import Sequence

# By quarter turns against the clock, and whether left and right are exchanged before.
_ORIENTATIONS = {
    (0, False): 1,
    (0, True): 2,
    (2, False): 3,
    (2, True): 4,
    (1, True): 5,
    (3, False): 6,
    (3, True): 7,
    (1, False): 8,
}


def orientation_of(turns: Sequence[tuple[bytes, bytes]]) -> int:
    """Return the orientation (EXIF 2.3, tag 0x0112) that a picture's properties come to.

    What EXIF itself says does not count in these files (ISO/IEC 23008-12): it repeats the properties.

    Args:
        turns: kind and content of the picture's properties ``irot`` and ``imir``, in their order.
    """
    quarters, mirrored = 0, False
    for kind, body in turns:
        value = body[0] if body else 0
        if kind == b"irot":
            quarters += value & 3
            continue
        # Left and right exchanged after a turn are a turn the other way after the exchange; top and bottom are
        # exchanged by both and a half turn.
        quarters, mirrored = -quarters, not mirrored
        if not value & 1:
            quarters += 2
    return _ORIENTATIONS[quarters % 4, mirrored]
