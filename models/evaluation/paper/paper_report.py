"""The report of the paper's claims, made of an evaluation."""

from collections.abc import Iterator, Sequence

from models.evaluation.paper.claim_building import MeasuredSet
from models.evaluation.paper.figure_claims import figure_claims
from models.evaluation.paper.paper_document import AnchorKind, PaperClaim, PaperReport
from models.evaluation.paper.table_claims import table_claims
from models.evaluation.report.report_document import Report

_NOT_TRIED = (
    (
        "Fig. 1 and 4",
        "drawings",
        "They explain the idea and the order of the steps.",
        "there is nothing to measure in them",
    ),
    (
        "Fig. 2a",
        "two chosen identities",
        "Two people with the same margin may lie at different similarities.",
        "it is a drawing of two people; Fig. 2b below has all people",
    ),
    (
        "Fig. 5",
        "a backbone trained on one group of people",
        "People unlike those of the training lie crowded together.",
        "backbones are not trained here, and the sets name no such groups",
    ),
    (
        "Section 4.1",
        "training of backbones",
        "L2-Face, CosFace and ArcFace on CASIA-WebFace and MS-Celeb-1M.",
        "backbones come trained, in model packs; evaluate each with its own anchors",
    ),
    (
        "Tables 1 to 5, their sets",
        "IJB-B, IJB-C, CALFW, YTF, MegaFace",
        "The protocols that the paper's figures come from.",
        "their pictures are given out by licence and are not here; templates (a CSV with the column template), folds, "
        "and --distractors take the places of IJB's, LFW's and MegaFace's",
    ),
)


def paper_report(evaluation: Report, kinds: Sequence[AnchorKind]) -> PaperReport:
    """Return what an evaluation shows of the paper's claims.

    Args:
        evaluation: of labelled sets, measured for the paper.
        kinds: the bundles that it was made with.
    """
    sets = measured_sets(evaluation)
    claims = (*table_claims(sets, kinds), *figure_claims(sets), *_not_tried())
    return PaperReport(tuple(kinds), claims, evaluation)


def measured_sets(evaluation: Report) -> list[MeasuredSet]:
    """Return every set with every pack, named as the report names them."""
    found = []
    for labelled in evaluation.sets:
        called = f"{labelled.name} (templates)" if labelled.compared == "templates" else labelled.name
        alone = len(labelled.packs) == 1
        found += [MeasuredSet(called if alone else f"{called} with {pack.pack}", pack) for pack in labelled.packs]
    return found


def _not_tried() -> Iterator[PaperClaim]:
    for place, title, says, why in _NOT_TRIED:
        yield PaperClaim(place, title, says, "", "", (), why)
