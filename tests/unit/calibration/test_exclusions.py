"""Files of exclusions."""

import numpy as np
import pytest

from models.labels.exclusions import Exclusions, read_exclusions, resolve
from models.labels.labelled import LabelledFaces
from service.errors import ExclusionsInvalid

TOML = """
version = "2026-1"

[[exclusion]]
set = "photos"
kind = "image"
first = "a/2.jpg"
reason = "no face in it"

[[exclusion]]
set = "photos"
kind = "images"
first = "b/1.jpg"
second = "a/1.jpg"
reason = "the same picture"

[[exclusion]]
set = "photos"
kind = "identities"
first = "c"
second = "b"
reason = "one person under two names"

[[exclusion]]
set = "others"
kind = "image"
first = "z/9.jpg"
reason = "no face in it"
"""

CSV = """# version: 2026-1
set,kind,first,second,reason
photos,image,a/2.jpg,,no face in it
photos,images,b/1.jpg,a/1.jpg,the same picture
photos,identities,c,b,one person under two names
others,image,z/9.jpg,,no face in it
"""


@pytest.fixture
def photos():
    images = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "c/1.jpg", "c/2.jpg")
    return LabelledFaces(
        name="photos",
        embeddings=np.zeros((5, 8), np.float32),
        norms=np.zeros(5, np.float32),
        detected=np.ones(5, bool),
        identities=np.array([0, 0, 1, 2, 2]),
        identity_names=("a", "b", "c"),
        images=images,
        input_form="photo",
        identities_stated=True,
        rejected=("",) * 5,
    )


@pytest.mark.parametrize(("name", "text"), [("noise.toml", TOML), ("noise.csv", CSV)])
def test_exclusions_of_both_kinds_of_file_are_the_same(tmp_path, photos, name, text):
    (tmp_path / name).write_text(text)

    exclusions = read_exclusions(tmp_path / name)
    found = resolve(exclusions, photos)

    assert exclusions.version == "2026-1"
    assert len(exclusions.entries) == 4
    assert found.dropped.tolist() == [False, True, False, False, False]
    assert found.faces.tolist() == [[2, 0]]
    assert found.identities.tolist() == [[2, 1]]


def test_exclusions_among_some_faces_go_by_their_positions(tmp_path, photos):
    (tmp_path / "noise.toml").write_text(TOML)
    found = resolve(read_exclusions(tmp_path / "noise.toml"), photos)

    among = found.among(np.array([0, 2, 4]), np.array([1, 2]))

    assert among.faces.tolist() == [[1, 0]]
    assert among.identities.tolist() == [[1, 0]]
    assert found.among(np.array([0, 4]), np.array([0, 2])).faces.tolist() == []
    assert found.subset(np.array([1, 2, 0])).faces.tolist() == [[1, 2]]


def test_no_exclusions_leave_nothing_out(photos):
    found = resolve(Exclusions.none(), photos)

    assert not found.dropped.any()
    assert len(found.faces) == len(found.identities) == 0


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.toml", TOML.replace('version = "2026-1"', ""), "version"),
        ("x.toml", TOML.replace('kind = "images"', 'kind = "scores"'), r"exclusion\.1\.kind"),
        ("x.toml", TOML.replace('reason = "no face in it"', 'reason = ""', 1), r"exclusion\.0\.reason"),
        ("x.toml", "version = ", "Invalid"),
        ("x.csv", CSV.replace("# version: 2026-1\n", ""), "first line"),
        ("x.csv", CSV.replace("kind", "what"), "columns must be"),
    ],
)
def test_unusable_exclusions_are_refused_with_the_place(tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)

    with pytest.raises(ExclusionsInvalid, match=reason):
        read_exclusions(tmp_path / name)


def test_missing_file_of_exclusions_is_refused(tmp_path):
    with pytest.raises(ExclusionsInvalid, match="No such file"):
        read_exclusions(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new", "reason"), [("a/2.jpg", "a/7.jpg", "image.*a/7.jpg"), ('"c"', '"q"', "person.*'q'")]
)
def test_exclusions_of_what_the_set_does_not_have_are_refused(tmp_path, photos, old, new, reason):
    (tmp_path / "noise.toml").write_text(TOML.replace(old, new))

    with pytest.raises(ExclusionsInvalid, match=reason):
        resolve(read_exclusions(tmp_path / "noise.toml"), photos)
