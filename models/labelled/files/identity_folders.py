"""A folder for each identity, its pictures somewhere below it."""

from pathlib import Path

import numpy as np

from models.images.image_folder import scan
from models.labelled.files.listing import Listing, Names, refuse
from service.faces.pictures.formats import SUFFIXES


def read_folder(root: Path) -> Listing:
    """Read a folder whose folders are identities.

    Raises:
        LabelsInvalid: if there are no pictures, or one lies outside every identity's folder.
    """
    images = tuple(scan(root).images)
    if not images:
        refuse(root, None, f"there is no picture ({', '.join(SUFFIXES)}) below this folder.")
    stray = next((image for image in images if len(image.parts) == 1), None)
    if stray is not None:
        refuse(
            root, None, f"{stray} lies in no identity's folder: put each picture into a folder named for its person."
        )
    names = Names()
    identities = np.array([names.number(image.parts[0]) for image in images], np.int64)
    return Listing(root, images, identities, names.all())
