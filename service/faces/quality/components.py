"""Every component of a face's quality, and the measuring of all of them; the one place where a component is added.

The interface's fields, its descriptions and the table in the documents follow from the list.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from service.arrays import Floats64
from service.faces.quality import expression, lighting, placement
from service.faces.quality.blur import blur_width, sharpness
from service.faces.quality.face_quality import FaceQuality
from service.faces.quality.head_pose import pose_score
from service.faces.quality.mapping import bounded
from service.faces.quality.seen_face import SeenFace


@dataclass(frozen=True, slots=True)
class QualityComponent:
    """One component.

    Attributes:
        name: the standard's, as a field of answers.
        meaning: what it is, with its formula; s is the logistic function, T the distance from the middle of the eyes to
            the chin.
        measure: gives its score of a face, which is then bounded to 0 to 100; None where it cannot be measured.
    """

    name: str
    meaning: str
    measure: Callable[[SeenFace], float | None]


def _of_region(score: Callable[[Floats64], float]) -> Callable[[SeenFace], float | None]:
    return lambda face: None if face.luminances is None else score(face.luminances)


def _illumination_uniformity(face: SeenFace) -> float | None:
    found = face.cheek_luminances
    return None if found is None else lighting.illumination_uniformity(*found)


def _natural_colour(face: SeenFace) -> float | None:
    return None if face.cheek_colour is None else lighting.natural_colour(face.cheek_colour)


def _sharpness(face: SeenFace) -> float | None:
    width = blur_width(face.crop, face.crop_mask)
    return None if width is None else sharpness(width)


# Whole coordinates are centres of pixels: the edges of an image lie half a pixel before the first and behind the last.
def _leftward(face: SeenFace) -> float | None:
    return placement.side_margin(float(face.landmarks[:2, 0].min()) + 0.5, face.eyes)


def _rightward(face: SeenFace) -> float | None:
    return placement.side_margin(face.image.shape[1] - 0.5 - float(face.landmarks[:2, 0].max()), face.eyes)


def _above(face: SeenFace) -> float | None:
    return placement.margin_above(float(face.middle[1]) + 0.5, face.head)


def _below(face: SeenFace) -> float | None:
    return placement.margin_below(face.image.shape[0] - 0.5 - float(face.middle[1]), face.head)


def _eyes_open(face: SeenFace) -> float | None:
    return None if face.points is None else expression.eyes_open(face.points, face.head)


def _mouth_closed(face: SeenFace) -> float | None:
    return None if face.points is None else expression.mouth_closed(face.points, face.head)


COMPONENTS: tuple[QualityComponent, ...] = (
    QualityComponent(
        "illumination_uniformity",
        "Both cheeks are lit alike: 100 h^0.3, h being what the histograms of their luminance have in common.",
        _illumination_uniformity,
    ),
    QualityComponent(
        "luminance_mean",
        "The face is neither dark nor bright: 100 s((m - 0.2) / 0.05) (1 - s((m - 0.8) / 0.05)), m being the mean "
        "luminance from 0 to 1.",
        _of_region(lighting.luminance_mean),
    ),
    QualityComponent(
        "luminance_variance",
        "The face has light and shade: 100 sin(pi 60 v / (60 v + 1)), v being the variance of the luminance.",
        _of_region(lighting.luminance_variance),
    ),
    QualityComponent(
        "under_exposure_prevention",
        "Little of the face is black: 120 (0.832 - s((x - 0.92) / 0.05)), x being the share of luminances up to 25 of "
        "255.",
        _of_region(lighting.under_exposure_prevention),
    ),
    QualityComponent(
        "over_exposure_prevention",
        "Little of the face is white: 1 / (x + 0.01), x being the share of luminances from 247 of 255 on.",
        _of_region(lighting.over_exposure_prevention),
    ),
    QualityComponent(
        "dynamic_range",
        "The face has many grey levels: 12.5 times the entropy of its luminance in bits.",
        _of_region(lighting.dynamic_range),
    ),
    QualityComponent(
        "sharpness",
        "The face is in focus and large enough: 100 s((2 - w) / 0.3), w being the width of the blur of its strongest "
        "edges in the aligned crop, which has 35 pixels between the eyes. The project's own measure: OFIQ's is a "
        "trained forest of trees.",
        _sharpness,
    ),
    QualityComponent(
        "natural_colour",
        "The cheeks have a colour of skin: 200 (1 - s(D / 10)), D being how far their mean lies outside 5 to 25 in a* "
        "and 5 to 35 in b* of CIELAB. A grey picture has 0.",
        _natural_colour,
    ),
    QualityComponent(
        "single_face_present",
        "Nobody else is in the picture: 100 (1 - the area of the second largest face over that of the largest).",
        lambda face: placement.single_face_present(face.areas),
    ),
    QualityComponent(
        "eyes_open",
        "Both eyes are open: 100 s((x - 0.02) / 0.01), x being the lesser opening over T. Null unless the pack has a "
        "68-point network.",
        _eyes_open,
    ),
    QualityComponent(
        "mouth_closed",
        "The mouth is closed: 100 (1 - s((x - 0.2) / 0.06)), x being its opening over T. Null unless the pack has a "
        "68-point network.",
        _mouth_closed,
    ),
    QualityComponent(
        "inter_eye_distance",
        "The face has enough pixels: 100 s((d / cos(yaw) - 70) / 20), d being the distance between the eyes in the "
        "photograph.",
        lambda face: placement.inter_eye_distance(face.eyes * face.reduction, face.angles.yaw),
    ),
    QualityComponent(
        "head_size",
        "The head fills a portrait: 200 (1 - s(|T / height - 0.45| / 0.05)).",
        lambda face: placement.head_size(face.head, face.image.shape[0]),
    ),
    QualityComponent(
        "leftward_crop_of_the_face_image",
        "The face is not cut on the left: 100 s((x - 0.9) / 0.1), x being the distance from the left edge to the "
        "nearer eye over that between the eyes.",
        _leftward,
    ),
    QualityComponent(
        "rightward_crop_of_the_face_image",
        "The same on the right.",
        _rightward,
    ),
    QualityComponent(
        "margin_above_of_the_face_image",
        "There is room above: 100 s((x - 1.4) / 0.1), x being the distance from the upper edge to the middle of the "
        "eyes over T.",
        _above,
    ),
    QualityComponent(
        "margin_below_of_the_face_image",
        "There is room below: 100 s((x - 1.8) / 0.1), x being the distance from the middle of the eyes to the lower "
        "edge over T.",
        _below,
    ),
    QualityComponent(
        "head_pose_yaw",
        "The face is not turned to the side: 100 cos^2 of the angle.",
        lambda face: pose_score(face.angles.yaw),
    ),
    QualityComponent(
        "head_pose_pitch",
        "The face looks neither up nor down: 100 cos^2 of the angle.",
        lambda face: pose_score(face.angles.pitch),
    ),
    QualityComponent(
        "head_pose_roll",
        "The head is upright in the picture: 100 cos^2 of the angle, 0 from a right angle on.",
        lambda face: pose_score(face.angles.roll),
    ),
)
"""In the standard's order."""


def measure_quality(face: SeenFace) -> FaceQuality:
    """Return the scores of all components of a face. Safe to call from several threads, not with one ``face``.

    Raises:
        NoFace: if all landmarks coincide.
    """
    return FaceQuality(MappingProxyType({component.name: _score(component, face) for component in COMPONENTS}))


def _score(component: QualityComponent, face: SeenFace) -> float | None:
    score = component.measure(face)
    return None if score is None or not math.isfinite(score) else bounded(score)
