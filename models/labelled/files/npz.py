"""The arrays of an ``.npz``, bounded before any of them is unpacked."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

MOST_ARRAYS = 64
MOST_BYTES = 64 * 1024**3
# Deflate packs a thousandfold what says nothing; embeddings hardly at all, names of people some tenfold.
_MOST_PACKED = 200
_FREE_BYTES = 64 * 1024**2


def load_npz(path: Path, refuse: Callable[[str], NoReturn]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by name.

    Args:
        path: the file.
        refuse: told the reason if it is no ``.npz`` of plain arrays, or would unpack to more than it may; raises.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        most = min(MOST_BYTES, max(_FREE_BYTES, _MOST_PACKED * path.stat().st_size))
        if len(members) > MOST_ARRAYS or unpacked > most:
            raise ValueError(
                f"it has {len(members):,} arrays of {unpacked:,} bytes unpacked; {MOST_ARRAYS} arrays and {most:,} "
                "bytes are the most for a file of its size"
            )
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except MemoryError:
        refuse("its arrays are larger than the memory.")
    except Exception as error:  # NumPy, zipfile and zlib each raise classes of their own
        refuse(f"it is no .npz of plain arrays ({error}).")
