"""Files of exclusions."""

import numpy as np
import pytest
from pydantic import ValidationError

from models.labelled.exclusion_file import read_exclusions
from models.labelled.exclusions import Exclusions, check_sets, resolve
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import ExclusionsInvalid

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


@pytest.fixture
def noise(tmp_path):
    (tmp_path / "noise.toml").write_text(TOML)
    return read_exclusions(tmp_path / "noise.toml")


def test_misspelt_set_is_an_error_that_names_the_one_that_is_there(noise):
    with pytest.raises(ExclusionsInvalid, match=r"'photos'.*perhaps 'fotos' is meant"):
        check_sets(noise, ["fotos", "gate"])


def test_exclusions_of_no_set_that_is_there_are_an_error(noise):
    with pytest.raises(ExclusionsInvalid, match=r"No exclusion has an effect.*'gate'"):
        check_sets(noise, ["gate"])


def test_entries_of_another_set_are_told_and_those_of_a_numbered_sibling_are_no_misspelling(noise):
    assert "1 exclusions are of sets that are not looked at now: 'others'" in check_sets(noise, ["photos"])
    assert check_sets(noise, ["photos", "others"]) == ""
    numbered = Exclusions("v", "", tuple(entry.model_copy(update={"set": "part-1"}) for entry in noise.entries[:1]))
    with pytest.raises(ExclusionsInvalid, match="No exclusion has an effect"):
        check_sets(numbered, ["part-2"])


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_as_spreadsheets_write_it_is_read(tmp_path, noise, delimiter):
    (tmp_path / "noise.csv").write_text("\ufeff" + CSV.replace(",", delimiter), encoding="utf-8")

    assert read_exclusions(tmp_path / "noise.csv").entries == noise.entries


def deep(count):
    return 'version = "1"\nexclusion = ' + "[" * count


HOSTILE = {
    "empty.toml": 'version = "1"\n' + "[[exclusion]]\n" * 20_000,
    "inline.toml": 'version = "1"\nexclusion = [' + "{},\n" * 20_000 + "]",
    "keys.toml": 'version = "1"\n[[exclusion]]\n' + "".join(f"k{number} = 1\n" for number in range(10_000)),
    "names.toml": "".join(f"k{number} = 1\n" for number in range(10_000)),
    "dots.toml": "".join(".".join(["a"] * 2000) + f".b{number} = 1\n" for number in range(500)),
    "deep.toml": deep(100_000),
    "nested.toml": deep(500) + "]" * 500,
    "line.toml": 'version = "' + "x" * 3_000_000,
    "large.toml": 'version = "1"\n' + "# nothing\n" * 500_000,
    "rows.csv": "# version: 1\nset,kind,first,second,reason\n" + "x,y,z,,\n" * 500_000,
    "fields.csv": "# version: 1\nset,kind,first,second,reason\n" + "x," * 200_000,
    "quotes.csv": "# version: 1\nset,kind,first,second,reason\n" + '"x\n' * 100_000,
    "text.csv": "# version: 1\n" + "garbage;;;\n" * 100_000,
    "many.csv": "# version: 1\nset,kind,first,second,reason\n" + "s,image,a,,seen\n" * 50_001,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_at_its_first_problem(tmp_path, name):
    path = tmp_path / name
    path.write_text(HOSTILE[name])

    with pytest.raises(ExclusionsInvalid) as refused:
        read_exclusions(path)

    assert str(path) in refused.value.message
    assert len(refused.value.message) < 500 + len(str(path))
    # Nor is more than the first problem built and kept.
    cause = refused.value.__cause__
    while cause is not None:
        assert not isinstance(cause, ValidationError) or cause.error_count() <= 6
        cause = cause.__cause__ or cause.__context__
