"""Templates: several faces of a person compared as one, by their mean embedding."""

import numpy as np

from models.labelled.labelled_faces import LabelledFaces, unit_or_zeros
from models.tool_errors import LabelsInvalid


def pooled(labelled: LabelledFaces) -> LabelledFaces:
    """Return the templates of a labelled set as faces of their own.

    The embedding of a template is the mean of its detected faces' embeddings, scaled to unit norm; a template without
    one counts as not detected. Densities are then those of the mean, its norm the mean of the faces' norms.

    Raises:
        LabelsInvalid: if the set has no templates.
    """
    templates = labelled.templates
    if templates is None:
        raise LabelsInvalid(f"{labelled.name} has no templates: a column `template` names them.")
    count = len(templates.names)
    sums = np.zeros((count, labelled.embeddings.shape[1]))
    # Undetected faces are rows of zeros: they add nothing.
    np.add.at(sums, templates.template, labelled.embeddings[templates.face])
    detected = np.any(sums, axis=1)
    known = labelled.norms[templates.face] > 0
    of_known = np.bincount(templates.template, known * labelled.norms[templates.face], count)
    faces_known = np.bincount(templates.template, known, count)
    identities, groups = np.empty(count, np.int64), np.empty(count, np.int64)
    identities[templates.template] = labelled.identities[templates.face]
    if labelled.groups is not None:
        groups[templates.template] = labelled.groups[templates.face]
    return LabelledFaces(
        name=labelled.name,
        embeddings=unit_or_zeros(sums),
        norms=np.divide(of_known, faces_known, out=np.zeros(count), where=faces_known > 0).astype(np.float32),
        detected=detected,
        identities=identities,
        identity_names=labelled.identity_names,
        images=templates.names,
        input_form=labelled.input_form,
        identities_stated=True,
        rejected=tuple("" if found else "no_image_detected" for found in detected),
        groups=None if labelled.groups is None else groups,
        group_names=labelled.group_names,
    )
