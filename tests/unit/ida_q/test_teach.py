"""What calibrate is taught: networks that help are kept, those that harm are not, and too few people teach nothing."""

from dataclasses import replace

import numpy as np
import pytest
from small_bundles import small_bundle

from models.heads.ida_q import kind_training
from models.heads.ida_q.likelihood_training import LikelihoodOptions
from models.heads.ida_q.teach import CopiesOfSet, Teacher
from models.labelled.comparable import Comparable
from models.labelled.files.listing import PairList
from models.labelled.pairs.sweep import ExcludedPairs
from models.progress import unstaged
from service.bundle.reader import read_bundle, read_manifest
from service.scoring.parameters import Parameters
from service.scoring.terms import LIKELIHOOD
from service.snapshot.term_sources import open_sources

PARAMETERS = Parameters(k=5, typical_norm=12.0)
OPTIONS = LikelihoodOptions(hard=2000, drawn=4000, iterations=80)
# The labelled set has other people too: the part's faces are every other row of it.
EVERY = 2

pytestmark = pytest.mark.slow


@pytest.fixture
def sources(tmp_path):
    small_bundle(tmp_path / "b")
    manifest = read_manifest(tmp_path / "b")
    return manifest, open_sources(
        read_bundle(tmp_path / "b", backbone_id=manifest.backbone_id), device="cpu", threads=1
    )


def part_of(faces):
    """Return the pictures of some faces that are no copies, as the part that tunes, and their copies."""
    own = ~faces.is_copy
    part = Comparable(
        name=faces.name,
        embeddings=faces.embeddings[own],
        norms=faces.norms[own],
        images=int(own.sum()),
        rows=np.arange(int(own.sum())),
        identities=faces.people[own],
        people=np.unique(faces.people),
        failed=np.zeros(len(np.unique(faces.people)), np.int64),
        excluded=ExcludedPairs.none(),
        given=None,
        lost=PairList(*[np.empty(0, np.int64)] * 2, np.empty(0, bool)),
    )
    copies = CopiesOfSet(faces.embeddings[~own], faces.norms[~own], faces.pictures[~own] * EVERY)
    return part, copies


def taught(sources, faces, **changes):
    manifest, terms = sources
    part, copies = part_of(faces)
    teacher = replace(Teacher(manifest, {part.name: copies}, {}, OPTIONS, replicates=50), **changes)
    return teacher([part], [np.arange(len(part.rows)) * EVERY], terms, PARAMETERS, unstaged)


def test_network_that_helps_is_kept_with_its_card(sources, made_faces):
    found = taught(sources, made_faces(seed=3))

    report = found.report["ida-q"]
    assert report["kept"], report["why"]
    assert found.methods == ("ida-q",)
    assert {rate["pictures"] for rate in report["trial"]} == {"as they are", "mixed"}
    assert max(rate["gain"] for rate in report["trial"] if rate["pictures"] == "mixed") > 0.05
    assert LIKELIHOOD in found.sources.provides
    assert set(found.contents) == {"ida_q", "ida_q_card"}


def test_network_that_harms_is_left_out_and_why_is_told(sources, made_faces, monkeypatch):
    def upside_down(*args):
        weights, loss = kind_training_train(*args)
        return replace(weights, straight=-20 * np.ones_like(weights.straight)), loss

    kind_training_train = kind_training.train_likelihood
    monkeypatch.setattr(kind_training, "train_likelihood", upside_down)

    found = taught(sources, made_faces(seed=3))

    assert (found.methods, dict(found.contents)) == ((), {})
    assert LIKELIHOOD not in found.sources.provides
    assert "worse than ida-r beyond noise" in found.report["ida-q"]["why"]


def test_set_of_embeddings_has_no_copies_and_may_teach_all_the_same(sources, made_faces):
    found = taught(sources, made_faces(seed=3), copies={})

    assert {rate["pictures"] for rate in found.report["ida-q"]["trial"]} == {"as they are"}


def test_copies_of_pictures_that_are_not_among_the_part_teach_nothing(sources, made_faces):
    part, copies = part_of(made_faces(people=50))
    gone = replace(copies, rows=copies.rows + 1)

    faces = Teacher(sources[0], {part.name: gone})._faces(part, np.arange(len(part.rows)) * EVERY)

    assert len(faces) == len(part.rows)


def test_too_few_people_teach_nothing_and_how_many_it_takes_is_told(sources, made_faces):
    found = taught(sources, made_faces(people=20))

    assert found.methods == ()
    assert found.report["ida-q"]["why"].startswith("20 people with several pictures")


def test_typical_norm_of_other_faces_teaches_nothing(sources, made_faces):
    manifest, terms = sources
    part, copies = part_of(made_faces())

    found = Teacher(manifest, {part.name: copies})([part], [part.rows], terms, Parameters(k=5), unstaged)

    assert "typical norm" in found.report["ida-q"]["why"]


def test_folds_share_no_person(made_faces):
    faces = made_faces(people=31)

    fold = kind_training._folds(faces, 0)

    assert set(fold) == {0, 1}
    assert not set(faces.people[fold == 0]) & set(faces.people[fold == 1])
