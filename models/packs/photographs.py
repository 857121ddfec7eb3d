"""Real inputs for every network of a pack: a public-domain portrait and copies, taken through the service."""

import io
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from service.arrays import Floats32, ImageArray
from service.choices import Gates
from service.errors import InputError, PackInvalid
from service.faces.build_extractor import build_extractor
from service.faces.stage_timer import untimed
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import PackManifest

_MINIMUM_FACES = 3


def example_photographs() -> list[ImageArray]:
    """Return NASA's portrait of Eileen Collins and seven changed copies: (height, width, 3) uint8, RGB each.

    scikit-image carries the photograph, so it is there offline.
    """
    portrait: ImageArray = data.astronaut()  # type: ignore[no-untyped-call]
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    return [
        portrait,
        mirrored,
        _rotated(portrait, 12.0),
        _rotated(mirrored, -8.0),
        _with_gamma(portrait, 1.8),
        _with_gamma(mirrored, 0.6),
        np.asarray(cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA), dtype=np.uint8),
        np.ascontiguousarray(portrait[:360, 60:420]),
    ]


def real_inputs(manifest: PackManifest, runners: Mapping[str, RunGraph]) -> dict[str, Floats32]:
    """Return the inputs that the service feeds each network when it is given the example photographs.

    Args:
        manifest: the pack, whose adapters and preprocessing are used.
        runners: the detector and, where the pack has one, the landmark network.

    Returns:
        For each role (n, channels, height, width) float32. A changed copy in which no face is found is left
        out.

    Raises:
        PackInvalid: if the pack finds no face in the portrait as it is, or too few in the copies.
        InferenceFailed: if a network fails.
    """
    seen: dict[str, list[Floats32]] = {role: [] for role in runners}
    extractor = build_extractor(
        manifest,
        {role: _recording(run, seen[role]) for role, run in runners.items()},
        Gates(),
    )
    crops: list[ImageArray] = []
    for number, photograph in enumerate(example_photographs()):
        try:
            crops.append(extractor.extract(_bmp(photograph), "largest", untimed).crop)
        except InputError as error:
            if number == 0:
                raise PackInvalid(
                    f"The pack {manifest.name} finds no usable face in a plain portrait ({error.message}) "
                    "Check the [detector] and [landmarks] sections of its pack.toml: adapter, preprocessing, "
                    "score_threshold."
                ) from error
    if len(crops) < _MINIMUM_FACES:
        raise PackInvalid(
            f"The pack {manifest.name} finds a face in {len(crops)} of {len(example_photographs())} copies "
            "of a plain portrait. Check the [detector] section of its pack.toml: adapter, preprocessing, "
            "score_threshold."
        )
    inputs: dict[str, Floats32] = {role: np.concatenate(batches) for role, batches in seen.items()}
    for role, part in manifest.backbones_by_role.items():
        inputs[role] = to_input(crops, part.preprocessing)
    return inputs


def _recording(run: RunGraph, seen: list[Floats32]) -> RunGraph:
    def run_and_record(inputs: Floats32) -> Sequence[Floats32]:
        seen.append(inputs.copy())
        return run(inputs)

    return run_and_record


def _rotated(image: ImageArray, degrees: float) -> ImageArray:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8)


def _with_gamma(image: ImageArray, gamma: float) -> ImageArray:
    levels = np.round(255.0 * np.linspace(0.0, 1.0, 256) ** gamma).astype(np.uint8)
    changed: NDArray[np.uint8] = levels[image]
    return changed


def _bmp(image: ImageArray) -> bytes:
    # Without loss as PNG is, and written and read in a fortieth of its time.
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "BMP")
    return buffer.getvalue()
