"""What a calibration takes from those who served the bundle as it was: rates that were measured, and strata."""

from models.calibration.measured_points import MeasuredPoints
from models.calibration.not_shown import extrapolated_sentence
from service.scoring.calibration import MethodCalibration


def given_up(measured: MeasuredPoints, former: MethodCalibration | str) -> list[str]:
    """Return in sentences what the pairs do not show, and what of it the bundle as it was did.

    Args:
        measured: of the new bundle's default method.
        former: the calibration of the former one's, or the reason why there was none.
    """
    now = measured.calibration
    said = [extrapolated_sentence(measured)]
    if not isinstance(former, str):
        had = {point.name: point for point in former.points if point.quality != "extrapolated"}
        lost = [had[point.name] for point in now.points if point.quality == "extrapolated" and point.name in had]
        said += [
            f"{point.name} of the bundle as it was rested on {point.non_mated_pairs:,} pairs, {point.people:,} people."
            for point in lost
        ]
        if former.strata is not None and now.strata is None:
            said.append(
                f"The bundle as it was judges pairs by {len(former.strata.strata)} strata of their pictures' quality. "
                "These people are too few for any: good pictures and poor ones share one threshold."
            )
    return [sentence for sentence in said if sentence]
