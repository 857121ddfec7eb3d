"""The templates of a batch: each is pooled once from faces that were read, and becomes a face beside these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.errors import InputError
from service.verifier.clock import Clock
from service.verifier.inputs import FaceInput, Reference, Template
from service.verifier.pair_scoring import EmbeddedFaces, PairScorer
from service.verifier.template import PooledTemplate, TemplateFaces, pool


@dataclass(frozen=True, slots=True, eq=False)
class PooledFaces:
    """Faces that were read, and after them the templates pooled from these.

    Attributes:
        faces: all of them; None where none could be read.
        rows: the row of each face that was read.
        pooled: the row of each template.
        templates: the templates by their rows.
        failures: why each template that there is none of could not be pooled.
    """

    faces: EmbeddedFaces | None
    rows: Mapping[FaceInput, int]
    pooled: Mapping[Template, int] = field(default_factory=dict)
    templates: Mapping[int, PooledTemplate] = field(default_factory=dict)
    failures: Mapping[Template, InputError] = field(default_factory=dict)

    def row(self, reference: Reference) -> int:
        """Return the row of a face, or of a template, that is there."""
        return self.pooled[reference] if isinstance(reference, Template) else self.rows[reference]


def pool_templates(
    wanted: Sequence[Template],
    found: EmbeddedFaces | None,
    rows: Mapping[FaceInput, int],
    failures: Mapping[FaceInput, InputError],
    scorer: PairScorer,
    clock: Clock,
) -> PooledFaces:
    """Pool templates, and find the terms of what they give.

    Args:
        wanted: the templates, each once.
        found: the faces that could be read; None where none could.
        rows: the row of each of them.
        failures: why each of the others could not.
        scorer: scores their pairs.
        clock: times the stages.

    Raises:
        TooFewAnchors, InferenceFailed, SearchFailed: as ``Snapshot.terms`` says.
    """
    members = sorted({rows[face] for template in wanted for face in template.faces if face in rows})
    given = TemplateFaces(
        embeddings=np.empty((0, 0), np.float32) if found is None else found.embeddings,
        norms=np.empty(0, np.float32) if found is None else found.norms,
        forms=() if found is None else found.forms,
        aligned=() if found is None else found.aligned,
        checks={} if found is None else scorer.checks(found, members),
        rows=rows,
        failures=failures,
    )
    pooled: dict[Template, PooledTemplate] = {}
    failed: dict[Template, InputError] = {}
    for template in wanted:
        try:
            pooled[template] = pool(template, given, scorer.quality_policy, scorer.snapshot.parameters)
        except InputError as error:
            failed[template] = error
    if found is None or not pooled:
        return PooledFaces(found, rows, failures=failed)
    embeddings = np.stack([template.embedding for template in pooled.values()])
    norms = np.array([template.norm for template in pooled.values()], np.float32)
    # Of one picture alone the method knows the norm, as of any picture.
    known = np.array([template.norm if template.size == 1 else 0.0 for template in pooled.values()], np.float32)
    beside = EmbeddedFaces(
        embeddings,
        norms,
        # Where they differ, no calibration holds, whichever stands here.
        [template.form or "embedding" for template in pooled.values()],
        [None] * len(pooled),
        scorer.terms(embeddings, known, clock),
    )
    first = len(found.embeddings)
    return PooledFaces(
        EmbeddedFaces.concatenated([found, beside]),
        rows,
        {template: first + place for place, template in enumerate(pooled)},
        {first + place: template for place, template in enumerate(pooled.values())},
        failed,
    )
