"""Templates."""

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.templates import pooled
from models.labelled.files.listing import TemplateList
from models.tool_errors import LabelsInvalid


def test_template_is_the_mean_of_its_detected_faces_scaled_to_unit_norm(people):
    labelled = people(count=2, faces_each=3, lost=[1, 5], groups=[1, 0])
    templates = TemplateList(("a", "b", "c"), np.array([0, 0, 1, 2, 2]), np.array([0, 1, 5, 3, 4]))

    found = pooled(replace(labelled, templates=templates))

    mean = (labelled.embeddings[3] + labelled.embeddings[4]) / 2
    assert found.embeddings[0] == pytest.approx(labelled.embeddings[0], abs=1e-6)
    assert found.embeddings[2] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert found.detected.tolist() == [True, False, True]
    assert found.failures == {"no_image_detected": 1}
    assert found.identities.tolist() == [0, 1, 1]
    assert found.groups.tolist() == [1, 0, 0]
    assert found.images == ("a", "b", "c")


def test_face_may_be_in_several_templates(people):
    labelled = people(count=1, faces_each=2)
    templates = TemplateList(("a", "b"), np.array([0, 1, 1]), np.array([0, 0, 1]))

    found = pooled(replace(labelled, templates=templates))

    assert found.embeddings[0] == pytest.approx(labelled.embeddings[0], abs=1e-6)


def test_set_without_templates_is_refused(people):
    with pytest.raises(LabelsInvalid, match="template"):
        pooled(people())
