"""Whether the eyes can be seen: dark glasses leave two dark places where a face has its eyes."""

import cv2
import numpy as np

from service.arrays import ImageArray
from service.faces.align import ARCFACE_TEMPLATE

# Half the height and width of an eye's place in the crop, and the cheeks' and nose's place.
_DOWN, _ACROSS = 5, 9
_CHEEKS = slice(60, 90), slice(20, 92)


def eye_light(crop: ImageArray) -> float:
    """Return how light the lighter of both eyes' places is, over the cheeks: mean luminances of an aligned crop.

    Faces in ordinary light have 0.4 to 1.2, behind dark glasses they have less than 0.2. 1 where the cheeks are black.

    Args:
        crop: (112, 112, 3) uint8, RGB.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    eyes = [
        float(grey[y - _DOWN : y + _DOWN + 1, x - _ACROSS : x + _ACROSS + 1].mean())
        for x, y in np.rint(ARCFACE_TEMPLATE[:2]).astype(int)
    ]
    cheeks = float(grey[_CHEEKS].mean())
    return max(eyes) / cheeks if cheeks > 0 else 1.0
