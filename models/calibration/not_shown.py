"""Which operating points the pairs of a calibration do not show, with names or without."""

from models.calibration.measured_points import MeasuredPoints


def extrapolated_sentence(measured: MeasuredPoints) -> str:
    """Return which operating points the pairs do not show; "" where they show all."""
    points = measured.calibration.points
    names = [point.name for point in points if point.quality == "extrapolated"]
    if not names:
        return ""
    pairs = points[0].non_mated_pairs
    return (
        f"not shown by {pairs:,} pairs: {', '.join(names)}. The tail is fitted there and may be far off. "
        "Decide by another point, or bring more people."
    )
