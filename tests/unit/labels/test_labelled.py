"""Labelled faces: read, embedded on fake networks, cached, and parts of them."""

import numpy as np
import pytest
from fakes import FakeBackboneSession, fake_pipeline, picture

from models.labelled.embed import Embedder
from models.labelled.embedding_cache import open_cache
from models.labelled.labelled_faces import read_labelled
from models.tool_errors import LabelsInvalid
from service.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


class CountingSession(FakeBackboneSession):
    """Counts the crops it was given."""

    def __init__(self):
        super().__init__()
        self.crops = 0

    def run(self, inputs):
        self.crops += len(inputs)
        return super().run(inputs)


@pytest.fixture
def folder(tmp_path):
    """Forty pictures of ten people; one has no face, one cannot be decoded."""
    root = tmp_path / "people"
    for number in range(40):
        path = root / f"person{number % 10}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(faces=0 if number == 7 else 1, seed=number))
    (root / "person3" / "3.png").write_bytes(picture(seed=3)[:200])
    return root


def test_every_picture_is_embedded_as_the_service_would(folder, settings):
    pipeline = fake_pipeline(settings)

    found = read_labelled(folder, Embedder(pipeline))

    assert len(found) == 40
    assert found.failures == {"no_face": 1, "image_undecodable": 1}
    for row in (0, 5, 39):
        content = (folder / found.images[row]).read_bytes()
        alone = pipeline.embed([pipeline.extract(content, "largest").crop])[0]
        if found.detected[row]:
            given = pipeline.represent([pipeline.extract(content, "largest").crop])[0]
            assert found.embeddings[row] == pytest.approx(alone, abs=1e-6)
            assert found.norms[row] == pytest.approx(np.linalg.norm(given), rel=1e-5)
    assert not found.embeddings[~found.detected].any()
    assert np.linalg.norm(found.embeddings[found.detected], axis=1) == pytest.approx(1.0, abs=1e-5)


def test_what_was_measured_of_the_pictures_comes_with_them_from_the_cache_too(folder, settings):
    pipeline = fake_pipeline(settings)
    found = []
    for _ in range(2):
        with open_cache(settings, pipeline, "photo") as cache:
            found.append(read_labelled(folder, Embedder(pipeline, cache)))

    for labelled in found:
        scores = labelled.pictures["detection_score"]
        assert np.array_equal(np.isnan(scores), ~labelled.detected)
        assert scores[labelled.detected] == pytest.approx(0.9)
        assert len(labelled.subset(labelled.detected).pictures["detection_score"]) == 38


def test_second_run_embeds_only_what_is_new(folder, settings):
    session = CountingSession()
    pipeline = fake_pipeline(settings, session)
    with open_cache(settings, pipeline, "photo") as cache:
        first = read_labelled(folder, Embedder(pipeline, cache))
        embedded = session.crops
        (folder / "person1" / "new.png").write_bytes(picture(seed=99))
        # Moved and renamed: the same bytes are the same face.
        (folder / "person0" / "0.png").rename(folder / "person1" / "moved.png")
    with open_cache(settings, pipeline, "photo") as cache:
        second = read_labelled(folder, Embedder(pipeline, cache))

    assert embedded == 38
    assert session.crops == 39
    assert second.failures == first.failures
    assert np.array_equal(
        second.embeddings[second.images.index("person1/moved.png")],
        first.embeddings[first.images.index("person0/0.png")],
    )


def test_other_limits_are_not_answered_from_the_cache(folder, settings):
    pipeline = fake_pipeline(settings)
    with open_cache(settings, pipeline, "photo") as cache:
        read_labelled(folder, Embedder(pipeline, cache))
    strict = settings.model_copy(update={"min_face_pixels": 150})
    pipeline = fake_pipeline(strict)

    with open_cache(strict, pipeline, "photo") as cache:
        found = read_labelled(folder, Embedder(pipeline, cache))

    assert found.failures["face_too_small"] == 38


def test_crops_are_embedded_as_they_are(tmp_path, settings):
    pipeline = fake_pipeline(settings)
    for name in ("a", "b"):
        (tmp_path / "crops" / name).mkdir(parents=True)
    (tmp_path / "crops" / "a" / "1.png").write_bytes(picture(seed=1, width=112, height=112))
    (tmp_path / "crops" / "b" / "1.png").write_bytes(picture(seed=2, width=113, height=112))

    found = read_labelled(tmp_path / "crops", Embedder(pipeline, input_form="crop"))

    assert found.input_form == "crop"
    assert found.failures == {"invalid_crop": 1}
    crop = pipeline.read_crop((tmp_path / "crops" / "a" / "1.png").read_bytes())
    assert found.embeddings[0] == pytest.approx(pipeline.embed([crop])[0], abs=1e-6)


def test_embeddings_of_other_norms_keep_them_and_of_unit_norm_have_none(tmp_path):
    rows = np.array([[3.0, 4.0], [0.6, 0.8], [0.0, 0.0]])
    np.savez(tmp_path / "set.npz", embeddings=rows, identities=np.array([1, 1, 2]))

    found = read_labelled(tmp_path / "set.npz", None)

    assert found.embeddings == pytest.approx(np.array([[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]))
    assert found.norms == pytest.approx([5.0, 0.0, 0.0])
    assert found.detected.tolist() == [True, True, False]


def test_embeddings_need_no_model(tmp_path):
    np.savez(tmp_path / "set.npz", embeddings=np.eye(3), identities=np.array([1, 1, 2]))

    found = read_labelled(tmp_path / "set.npz", None, name="mine")

    assert (found.name, found.input_form) == ("mine", "embedding")
    assert found.detected.all()


def test_row_of_zeros_among_embeddings_is_an_undetected_face(tmp_path):
    np.savez(tmp_path / "set.npz", embeddings=np.array([[0.0, 1.0], [0.0, 0.0]]), identities=np.array([1, 1]))

    found = read_labelled(tmp_path / "set.npz", None)

    assert found.detected.tolist() == [True, False]
    assert found.failures == {"no_embedding": 1}


def test_pictures_without_a_model_pack_are_refused(folder):
    with pytest.raises(LabelsInvalid, match="model pack"):
        read_labelled(folder, None)


def test_part_of_a_set_keeps_the_pairs_within_it(tmp_path):
    np.savez(
        tmp_path / "set.npz",
        embeddings=np.eye(5),
        identities=np.array([0, 0, 1, 1, 2]),
        groups=np.array([0, 0, 1, 1, 1]),
        first=np.array([0, 2, 0, 3]),
        second=np.array([1, 3, 4, 4]),
        mated=np.array([True, True, False, False]),
        fold=np.array([0, 0, 1, 1]),
    )
    labelled = read_labelled(tmp_path / "set.npz", None)

    part = labelled.subset(np.array([4, 3, 2]))

    assert part.images == ("row 4", "row 3", "row 2")
    assert part.pairs.first.tolist() == [2, 1]
    assert part.pairs.second.tolist() == [1, 0]
    assert part.pairs.mated.tolist() == [True, False]
    assert part.pairs.fold.tolist() == [0, 1]
    assert part.groups.tolist() == [1, 1, 1]
    by_mask = labelled.subset(np.array([False, False, True, True, True]))
    assert by_mask.images == ("row 2", "row 3", "row 4")
