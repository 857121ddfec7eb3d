"""The use cases: a pair of faces in, a scored answer out; one face in, its embedding out.

Every call takes one snapshot of what is served and uses it throughout, and its answer names it. This room computes and
knows nothing of HTTP; it is called from worker threads.
"""

from service.verifier.agreement_monitor import AgreementMonitor
from service.verifier.inputs import MOST_PICTURES, Crop, Embedding, FaceInput, Photo, Reference, Template
from service.verifier.results import ComparedTemplate, Density, EmbeddedFace, TemplatePicture, Verification
from service.verifier.verifier import Verifier

__all__ = [
    "MOST_PICTURES",
    "AgreementMonitor",
    "ComparedTemplate",
    "Crop",
    "Density",
    "EmbeddedFace",
    "Embedding",
    "FaceInput",
    "Photo",
    "Reference",
    "Template",
    "TemplatePicture",
    "Verification",
    "Verifier",
]
