"""One picture in HEVC (ITU-T H.265) as HEIC stores it: what it will cost a decoder, and what of it is decoded."""

from dataclasses import dataclass

from service.errors import UnsupportedImageType
from service.faces.pictures.bit_reader import BitReader
from service.faces.pictures.heif_boxes import damage

_SAVE = "Save it as a JPEG."
_MOST_UNITS = 4096
_MOST_PARAMETERS = 64
_MOST_PARAMETER_BYTES = 4096
_RANDOM_ACCESS = range(16, 22)  # pictures that need no other: all that a still picture may be of
_PICTURES = range(32)
_PARAMETERS = range(32, 35)
_SEQUENCE = 33
_STANDARD_CHROMA = 1  # 4:2:0


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """A coded picture whose headers were read.

    Attributes:
        width: that a decoder makes room for, in pixels, before what the picture does not show is cut off.
        height: likewise.
        passes: how often a decoder may go over its pixels.
        is_deep: whether it holds more than 8 bits a channel, or more colour than 4:2:0.
        configuration: the parameters that a decoder needs, as the container's property states them.
        data: the bytes of the picture alone.
    """

    width: int
    height: int
    passes: int
    is_deep: bool
    configuration: bytes
    data: bytes


def read_hevc(configuration: bytes, data: bytes) -> CodedPicture:
    """Return the coded picture of an item, stripped of all that is no picture.

    Args:
        configuration: the item's ``hvcC``.
        data: the item's bytes.

    Raises:
        ImageUndecodable: if one of them is not what it should be.
        UnsupportedImageType: if the item is more than one picture, or one that needs another.
    """
    try:
        plain, sequences = _parameters(configuration)
        sizes = {_read_sequence(unit) for unit in sequences}
    except IndexError as error:
        raise damage("its parameters are cut short") from error
    if len(sizes) != 1:
        raise damage("its parameters contradict each other")
    width, height, is_deep = sizes.pop()
    units, passes = _picture_units(data, (configuration[21] & 3) + 1)
    return CodedPicture(width, height, passes, is_deep, plain, b"".join(units))


def _parameters(configuration: bytes) -> tuple[bytes, list[bytes]]:
    """Return the configuration with parameter sets alone, and those of the sequence."""
    if len(configuration) < 23:
        raise damage("its parameters are cut short")
    at, count, sequences = 23, 0, []
    arrays: list[bytes] = []
    for _ in range(configuration[22]):
        kind = configuration[at] & 63
        units = []
        number = int.from_bytes(configuration[at + 1 : at + 3])
        at += 3
        for _ in range(number):
            size = int.from_bytes(configuration[at : at + 2])
            unit = configuration[at + 2 : at + 2 + size]
            at += 2 + size
            count += 1
            if at > len(configuration) or count > _MOST_PARAMETERS or not 3 <= size <= _MOST_PARAMETER_BYTES:
                raise damage("its parameters are cut short, or too many")
            if kind in _PARAMETERS and unit[0] >> 1 & 63 == kind and not _layer(unit):
                units.append(size.to_bytes(2) + unit)
                if kind == _SEQUENCE:
                    sequences.append(unit)
        if units:
            arrays.append(bytes((0x80 | kind,)) + len(units).to_bytes(2) + b"".join(units))
    return configuration[:22] + bytes((len(arrays),)) + b"".join(arrays), sequences


def _read_sequence(unit: bytes) -> tuple[int, int, bool]:
    """Return width, height and whether it is deep, of a sequence parameter set (7.3.2.2)."""
    bits = BitReader(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.bits(4)
    layers = bits.bits(3)
    bits.bits(1 + 96)  # profile, tier and level
    if layers:
        present = [(bits.bits(1), bits.bits(1)) for _ in range(8)][:layers]
        for profile, level in present:
            bits.bits(88 * profile + 8 * level)
    bits.exponential()
    chroma = bits.exponential()
    if chroma == 3:
        bits.bits(1)
    width, height = bits.exponential(), bits.exponential()
    if bits.bits(1):
        for _ in range(4):
            bits.exponential()
    depth = max(bits.exponential(), bits.exponential())
    return width, height, bool(depth) or chroma > _STANDARD_CHROMA


def _picture_units(data: bytes, length_size: int) -> tuple[list[bytes], int]:
    """Return the units of the one picture, with their lengths, and how many slices it has."""
    units: list[bytes] = []
    at = count = 0
    while at + length_size <= len(data):
        end = at + length_size + int.from_bytes(data[at : at + length_size])
        body = data[at + length_size : end]
        count += 1
        if end > len(data) or len(body) < 3 or count > _MOST_UNITS:
            raise damage("its data is cut short, or in too many pieces")
        kind = body[0] >> 1 & 63
        if kind in _PICTURES and not _layer(body):
            if kind not in _RANDOM_ACCESS:
                raise UnsupportedImageType(f"The file is a HEIC of pictures that need others, not a still. {_SAVE}")
            is_first = bool(body[2] & 0x80)
            if is_first == bool(units):
                raise UnsupportedImageType(f"The file is a HEIC whose item is several pictures, not one. {_SAVE}")
            units.append(data[at:end])
        at = end
    if not units:
        raise damage("it has no pixels")
    return units, len(units)


def _layer(unit: bytes) -> int:
    """Return the layer of a unit; 0 is the picture itself."""
    return (unit[0] & 1) << 5 | unit[1] >> 3
