"""Names of the kinds of arrays: each says the element type; shapes stand with whoever takes or gives one."""

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Floats = NDArray[np.floating]
"""Of either float type, which the result keeps."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ImageArray = NDArray[np.uint8]
"""Pixels: (height, width, 3), RGB, unless said otherwise."""
