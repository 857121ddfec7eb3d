"""Findings as one HTML file: in words, as a picture and as a table."""

from pathlib import Path

import numpy as np

from models.anchors.inspection.advice import findings_lines
from models.anchors.inspection.findings import PERCENTILES, Findings
from models.anchors.inspection.picture import draw_panels
from models.pages.html_page import drawn, page_of
from models.pages.svg_drawing import svg
from service.arrays import Floats


def inspection_page(findings: Findings) -> bytes:
    """Return the page of an anchor set."""
    lines = findings_lines(findings)
    advice = [line.removeprefix("-> ") for line in lines if line.startswith("-> ")]
    probes = findings.probes
    spread: list[tuple[str, Floats]] = [
        ("an anchor's nearest other anchor, cosine", findings.neighbours.nearest),
        ("crowding of the anchors", findings.crowding),
    ]
    if probes is not None:
        spread += [
            ("a face's nearest anchor, cosine", probes.neighbours.nearest),
            ("crowding of the faces", probes.crowding),
        ]
    return page_of(
        Path(__file__).parent,
        "inspection.html.j2",
        {},
        findings=findings,
        said=[line.strip() for line in lines if not line.startswith(("-> ", "    "))],
        advice=advice,
        panels=drawn(svg(11.0, 8.0, 2, 2, lambda axes: draw_panels(findings, axes))),
        percentiles=PERCENTILES,
        spread=[(name, np.percentile(values, PERCENTILES).tolist()) for name, values in spread],
    )
