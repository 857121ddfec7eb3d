"""Whether a photograph shows a live face or a picture of one: what the optional part says, and when not to rely on it.

What its word is worth is not known here: ``ida-verify liveness evaluate`` measures it.
"""

import cv2
import numpy as np

from service.arrays import Floats32, Floats64, ImageArray
from service.errors import InferenceFailed
from service.faces.types import CROP_SIZE, Box, Liveness, Uncertainty
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import LivenessFile, LivenessManifest

SCALES = (0.85, 1.0, 1.15)
"""Of the side of what the network sees: a verdict that any of them turns is none."""


class LivenessCheck:
    """Asks the network of the liveness part about a face and what surrounds it.

    What it sees is cut as the network's publisher cuts it: the box times a scale, moved into the picture where it
    reaches beyond, and made smaller where the picture is too small for it. Nothing is ever filled in: with black
    beside them every other live face is called a spoof. Safe to call from several threads if ``run`` is.
    """

    def __init__(self, run: RunGraph, manifest: LivenessManifest) -> None:
        """Take the network, ready to run, and what the part says of it."""
        self._run = run
        self._spec = manifest.liveness
        self.liveness_id = manifest.liveness_id

    def assess(self, image: ImageArray, box: Box) -> Liveness:
        """Say whether a face is a live one.

        Args:
            image: (height, width, 3) uint8, RGB; no smaller than needed to show the crop at the network's size, where
                the photograph has as much.
            box: the face's, in pixels of the image.

        Raises:
            InferenceFailed: if the network fails, or gives other than a row of finite numbers for each crop.
        """
        shares = self._live(self._run(network_inputs(image, box, self._spec))[0])
        score = float(shares.mean())
        lives = shares >= self._spec.threshold
        reason = self._doubt(image, box)
        if reason is None and lives.any() != lives.all():
            reason = "crops_disagree"
        if reason is not None:
            return Liveness("uncertain", score, reason)
        return Liveness("live" if lives.all() else "spoof", score)

    def warm_up(self) -> None:
        """Run the network once, on a picture without a face.

        Raises:
            InferenceFailed: as ``assess`` says.
        """
        self.assess(np.full((CROP_SIZE, CROP_SIZE, 3), 127, dtype=np.uint8), Box(0, 0, CROP_SIZE, CROP_SIZE))

    def _doubt(self, image: ImageArray, box: Box) -> Uncertainty | None:
        """Return why the network does not see what it was made to see; None where it does."""
        size, scale = self._spec.preprocessing, self._spec.box_scale
        # Of fewer pixels than its input has, the network would see what the enlargement made.
        if scale * box.width < size.width or scale * box.height < size.height:
            return "small_face"
        rows, columns = image.shape[:2]
        # What surrounds a face is where the edge of a sheet or a screen shows. In a picture too small for it the three
        # crops are also much the same one, so that their agreement says nothing.
        if scale * box.width > columns or scale * box.height > rows:
            return "narrow_picture"
        return None

    def _live(self, outputs: Floats32) -> Floats64:
        rows = np.asarray(outputs, dtype=np.float64)
        if rows.ndim != 2 or len(rows) != len(SCALES) or rows.shape[1] <= self._spec.live_output:
            raise InferenceFailed(
                f"The liveness network gave {rows.shape} for {len(SCALES)} crops, one row each was expected, with an "
                f"output {self._spec.live_output}."
            )
        if not np.all(np.isfinite(rows)):
            raise InferenceFailed("The liveness network gave what is no number.")
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        shares: Floats64 = powers[:, self._spec.live_output] / powers.sum(axis=1)
        return shares


def network_inputs(image: ImageArray, box: Box, spec: LivenessFile) -> Floats32:
    """Return what the network is fed of a face: a crop of each of ``SCALES``.

    Args:
        image: (height, width, 3) uint8, RGB.
        box: the face's, in pixels of the image.
        spec: what the part says of the network.

    Returns:
        (3, channels, height, width) float32, preprocessed.
    """
    size = spec.preprocessing
    crops = [surroundings(image, box, spec.box_scale * scale) for scale in SCALES]
    return to_input([_resized(crop, size.width, size.height) for crop in crops], size)


def surroundings(image: ImageArray, box: Box, scale: float) -> ImageArray:
    """Return the pixels of a box that is made larger, moved into the image, and shrunk to it where it is too large.

    Args:
        image: (height, width, 3) uint8.
        box: in pixels of the image; it may reach beyond.
        scale: of the box's sides.

    Returns:
        A view of the image, of one pixel or more, in the box's proportions.
    """
    rows, columns = image.shape[:2]
    # A degenerate box has a pixel.
    box_width, box_height = max(box.width, 1.0), max(box.height, 1.0)
    fitting = min((columns - 1) / box_width, (rows - 1) / box_height, scale)
    width, height = box_width * fitting, box_height * fitting
    x, y = box.centre
    left = int(min(max(x - width / 2, 0), columns - 1 - width))
    top = int(min(max(y - height / 2, 0), rows - 1 - height))
    return image[top : top + max(int(height), 1), left : left + max(int(width), 1)]


def _resized(crop: ImageArray, width: int, height: int) -> ImageArray:
    # By the nearest pixels alone, as the network's publisher does: what averaging smooths away may be what it looks at.
    return np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
