"""Bits of the headers of coded pictures."""


class BitReader:
    """Reads numbers from bytes, highest bit first; raises IndexError behind the end. Not safe from two threads."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data), 8 * len(data)

    def bits(self, count: int) -> int:
        """Return a number of so many bits."""
        if count > self._left:
            raise IndexError("the bits end")
        self._left -= count
        return self._number >> self._left & ((1 << count) - 1)

    def exponential(self) -> int:
        """Return a number in Exp-Golomb code (ITU-T H.265, 9.2)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise IndexError("a number is too long")
        return (1 << zeros) - 1 + self.bits(zeros)
