"""One picture in AV1 as AVIF stores it: what it will cost a decoder, and what of it is decoded."""

from service.errors import UnsupportedImageType
from service.faces.pictures.bit_reader import BitReader
from service.faces.pictures.heif_boxes import damage
from service.faces.pictures.hevc_stream import CodedPicture

_SAVE = "Save it as a JPEG."
_MOST_UNITS = 4096
_SEQUENCE, _FRAME_HEADER, _TILE_GROUP, _FRAME = 1, 3, 4, 6
_HEAD_BYTES = 64  # of a sequence header, more than one has


def read_av1(configuration: bytes, data: bytes) -> CodedPicture:
    """Return the coded picture of an item, stripped of all that is no picture.

    Args:
        configuration: the item's ``av1C``.
        data: the item's bytes.

    Raises:
        ImageUndecodable: if one of them is not what it should be.
        UnsupportedImageType: if the item is more than one picture, or a sequence with the times of its frames.
    """
    if len(configuration) < 4:
        raise damage("its parameters are cut short")
    units, sequences, frames = [], [], 0
    at = count = 0
    while at < len(data):
        kind, start, end = _unit(data, at)
        count += 1
        if count > _MOST_UNITS:
            raise damage("its data is in too many pieces")
        if kind in (_SEQUENCE, _FRAME_HEADER, _TILE_GROUP, _FRAME):
            units.append(data[at:end])
            frames += kind in (_FRAME_HEADER, _FRAME)
        if kind == _SEQUENCE:
            sequences.append(data[start : min(end, start + _HEAD_BYTES)])
        at = end
    if not sequences or not frames:
        raise damage("it has no pixels")
    if frames > 1:
        raise UnsupportedImageType(f"The file is an AVIF whose item is several frames, not one. {_SAVE}")
    try:
        sizes = {_read_sequence(head) for head in sequences}
    except IndexError as error:
        raise damage("its parameters are cut short") from error
    if len(sizes) != 1:
        raise damage("its parameters contradict each other")
    width, height = sizes.pop()
    # Bits for more than 8 a channel; for less than 4:2:0, where both subsamplings stand.
    is_deep = bool(configuration[2] & 0x40) or configuration[2] & 0x0C != 0x0C
    return CodedPicture(width, height, 1, is_deep, configuration[:4], b"".join(units))


def _unit(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the kind of a unit (OBU) and where its content starts and ends."""
    head = data[at]
    kind, has_extension, has_size = head >> 3 & 15, bool(head & 4), bool(head & 2)
    start = at + 1 + has_extension
    if not has_size:
        return kind, start, len(data)
    size = 0
    for place in range(8):
        if start >= len(data):
            raise damage("its data is cut short")
        byte = data[start]
        start += 1
        size |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            break
    if start + size > len(data):
        raise damage("its data is cut short")
    return kind, start, start + size


def _read_sequence(head: bytes) -> tuple[int, int]:
    """Return the greatest width and height that a sequence header allows its frames (AV1, 5.5.1)."""
    bits = BitReader(head)
    bits.bits(3 + 1)  # profile, still picture
    if bits.bits(1):  # of the reduced kind
        bits.bits(5)
    else:
        if bits.bits(1):
            raise UnsupportedImageType(f"The file is an AVIF with the times of frames, not a still. {_SAVE}")
        has_delays = bits.bits(1)
        for _ in range(bits.bits(5) + 1):
            bits.bits(12)
            if bits.bits(5) > 7:
                bits.bits(1)
            if has_delays and bits.bits(1):
                bits.bits(4)
    across, down = bits.bits(4) + 1, bits.bits(4) + 1
    return bits.bits(across) + 1, bits.bits(down) + 1
