"""A picture of a face that needs no face: a gradient with a bright disc where the box is."""

import numpy as np
import pytest

from models.degrade.photograph import Photograph
from service.faces.types import Box


@pytest.fixture
def photograph():
    """Return a photograph (160, 200, 3) whose face's box is 80 wide and 100 high."""
    rows, columns = np.mgrid[0:160, 0:200]
    pixels = np.stack([rows + 40, columns // 2 + 60, (rows + columns) // 3 + 30], axis=-1).astype(np.uint8)
    disc = (rows - 75) ** 2 + (columns - 100) ** 2 < 30**2
    pixels[disc] = (230, 190, 160)
    return Photograph.of(pixels, Box(60, 25, 140, 125))
