"""Label files of every kind, and what is said of those that are wrong."""

import tracemalloc

import numpy as np
import pytest

from models.labelled.files.labelled_npz import read_arrays
from models.labelled.files.read import read_listing
from models.tool_errors import LabelsInvalid


@pytest.fixture
def pictures(tmp_path):
    """Return a maker of empty files: listings never look into them."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


@pytest.fixture
def write(tmp_path):
    def make(name, *lines):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return make


def names(listing):
    return [image.as_posix() for image in listing.images]


def test_folder_per_identity_gives_each_picture_its_person(pictures):
    root = pictures("Ann/1.jpg", "Ann/sub/2.png", "Ben/1.jpg", "Ben/notes.txt", ".hidden/3.jpg")

    found = read_listing(root, None)

    assert names(found) == ["Ann/1.jpg", "Ann/sub/2.png", "Ben/1.jpg"]
    assert [found.identity_names[number] for number in found.identities] == ["Ann", "Ann", "Ben"]
    assert found.pairs is None
    assert found.identities_stated


def test_picture_outside_every_identitys_folder_is_refused(pictures):
    with pytest.raises(LabelsInvalid, match=r"stray\.jpg lies in no identity's folder"):
        read_listing(pictures("Ann/1.jpg", "stray.jpg"), None)


def test_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(LabelsInvalid, match="no picture"):
        read_listing(tmp_path, None)


LFW = ("Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", "Ben/Ben_0001.jpg", "Cy/Cy_0003.jpg")


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize("header", [[], ["1"]])
def test_pairs_file_without_folds(pictures, write, header, separator):
    pictures(*(f"images/{name}" for name in LFW))
    lines = [*header, separator.join(("Ann", "1", "2")), separator.join(("Ann", "2", "Cy", "3"))]

    found = read_listing(write("pairs.txt", *lines), None)

    assert names(found) == ["Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", "Cy/Cy_0003.jpg"]
    assert found.pairs.first.tolist() == [0, 1]
    assert found.pairs.second.tolist() == [1, 2]
    assert found.pairs.mated.tolist() == [True, False]
    assert found.pairs.fold is None
    assert [found.identity_names[number] for number in found.identities] == ["Ann", "Ann", "Cy"]


def test_pairs_file_with_folds_and_pictures_in_one_folder(pictures, write):
    pictures("Ann_0001.png", "Ann_0002.png", "Ben_0001.png", "Cy_0003.png")
    fold = ["Ann\t1\t2", "Ann\t1\tBen\t1"]

    found = read_listing(write("pairs.txt", "2\t1", *fold, *fold), None)

    assert found.pairs.fold.tolist() == [0, 0, 1, 1]
    assert names(found) == ["Ann_0001.png", "Ann_0002.png", "Ben_0001.png"]


def test_pictures_may_lie_below_another_root(pictures, write, tmp_path):
    pictures(*(f"elsewhere/{name}" for name in LFW))

    assert len(read_listing(write("pairs.txt", "Ann 1 2"), tmp_path / "elsewhere").images) == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["Ann 1 2", "Ann 1 7"], "line 2: neither Ann/Ann_0007.jpg nor Ann_0007.jpg"),
        (["Ann 1 2", "", "Ann 1"], "line 3: 2 fields"),
        (["Ann one 2"], "line 1: 'one' is not the number"),
        (["Ann 1 Ann 2"], "line 1: Ann stands on both sides"),
        (["Ann 1 1"], "line 1: the picture is compared with itself"),
        (["2 1", "Ann 1 2", "Ann 1 Ben 1"], "line 1: the header says 2 times 1"),
        (["1", "Ann 1 Ben 1", "Ann 1 2"], "line 1: the header says 1 times 1"),
        (["1 1 1", "Ann 1 2", "Ann 1 Ben 1"], "line 1: the header is"),
        (["1"], "there is no pair"),
        ([""], "there is no pair"),
    ],
)
def test_wrong_pairs_file_is_refused_naming_the_line(pictures, write, lines, said):
    pictures(*LFW)

    with pytest.raises(LabelsInvalid, match=said):
        read_listing(write("pairs.txt", *lines), None)


@pytest.mark.slow
def test_table_of_pairs_joins_pictures_of_mated_pairs_into_people(pictures, write):
    pictures("a.jpg", "b.jpg", "c.jpg", "d.jpg")

    found = read_listing(
        write("pairs.csv", "probe,reference,label,fold", "a.jpg,b.jpg,1,4", "b.jpg,c.jpg,mated,4", "a.jpg,d.jpg,0,9"),
        None,
    )

    assert found.identities[0] == found.identities[1] == found.identities[2] != found.identities[3]
    assert not found.identities_stated
    assert found.pairs.mated.tolist() == [True, True, False]
    assert found.pairs.fold.tolist() == [0, 0, 1]
    assert len(found.identity_names) == 2


def test_table_of_pairs_with_subjects_and_groups(pictures, write):
    pictures("a.jpg", "b.jpg", "c.jpg")

    found = read_listing(
        write(
            "pairs.csv",
            "probe,probe_subject,probe_group,reference,reference_subject,reference_group,label",
            "a.jpg,Ann,x,b.jpg,Ann,x,true",
            "a.jpg,Ann,x,c.jpg,Cy,y,false",
        ),
        None,
    )

    assert found.identities_stated
    assert found.identity_names == ("Ann", "Cy")
    assert [found.group_names[number] for number in found.groups] == ["x", "x", "y"]


HEAD = "probe,reference,label"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([HEAD, "a.jpg,b.jpg,maybe"], "line 2: the label 'maybe'"),
        ([HEAD, "a.jpg,b.jpg,1", "a.jpg,z.jpg,0"], r"line 3: there is no picture z\.jpg"),
        ([HEAD, "a.jpg,b.jpg"], "line 2: 2 fields, and 3 columns"),
        ([HEAD, "a.jpg,a.jpg,1"], r"line 2: a\.jpg is compared with itself"),
        ([HEAD, "a.jpg,b.jpg,1", "b.jpg,c.jpg,1", "a.jpg,c.jpg,0"], "line 4: .* other mated pairs join"),
        ([HEAD + ",fold", "a.jpg,b.jpg,1,first"], "line 2: the fold 'first'"),
        ([HEAD + ",group", "a.jpg,b.jpg,1,x", "a.jpg,c.jpg,0,y"], r"line 3: a\.jpg has the group y here and x"),
        ([HEAD + ",grp", "a.jpg,b.jpg,1,x"], "line 1: the first line names the columns"),
        (["a.jpg,b.jpg,1"], "line 1: the first line names the columns"),
        ([HEAD], "it has no rows"),
        ([""], "it is empty"),
        (
            [HEAD + ",probe_subject,reference_subject", "a.jpg,b.jpg,1,Ann,Ben"],
            "line 2: .* their subjects say otherwise",
        ),
        (["subject,image,template", "Ann,a.jpg,t", "Ben,b.jpg,t"], "line 3: the template t has the subject Ben"),
        (["subject,image", "Ann,a.jpg", "Ben,a.jpg"], r"line 3: a\.jpg has the subject Ben here and Ann"),
    ],
)
def test_wrong_table_is_refused_naming_the_line(pictures, write, lines, said):
    pictures("a.jpg", "b.jpg", "c.jpg")

    with pytest.raises(LabelsInvalid, match=said):
        read_listing(write("table.csv", *lines), None)


def test_table_of_faces_with_templates(pictures, write):
    pictures("a.jpg", "b.jpg", "c.jpg")
    lines = ["subject,image,template,group", "Ann,a.jpg,t1,x", "Ann,b.jpg,t1,x", "Ann,a.jpg,t2,x", "Cy,c.jpg,t3,y"]

    found = read_listing(write("faces.csv", *lines), None)

    assert names(found) == ["a.jpg", "b.jpg", "c.jpg"]
    assert found.templates.names == ("t1", "t2", "t3")
    assert found.templates.template.tolist() == [0, 0, 1, 2]
    assert found.templates.face.tolist() == [0, 1, 0, 2]
    assert found.groups.tolist() == [0, 0, 1]


def test_table_with_a_byte_order_mark_and_quotes_is_read(pictures, tmp_path):
    pictures("a, b.jpg", "c.jpg")
    path = tmp_path / "faces.csv"
    path.write_bytes('\ufeffsubject,image\r\nAnn,"a, b.jpg"\r\nCy,c.jpg\r\n'.encode())

    assert names(read_listing(path, None)) == ["a, b.jpg", "c.jpg"]


def test_file_that_is_not_there_or_is_no_text_is_refused(tmp_path):
    with pytest.raises(LabelsInvalid, match="no such file"):
        read_listing(tmp_path / "nothing.csv", None)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabelsInvalid, match="no UTF-8 text"):
        read_listing(tmp_path / "binary.txt", None)


@pytest.fixture
def save(tmp_path):
    def make(**arrays):
        np.savez(tmp_path / "faces.npz", **arrays)
        return tmp_path / "faces.npz"

    return make


EMBEDDINGS = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]])


def test_arrays_are_read_as_they_are(save):
    embeddings, found = read_arrays(save(embeddings=EMBEDDINGS, identities=np.array(["Ann", "Ann", "Cy"])))

    assert embeddings.dtype == np.float32
    assert np.array_equal(embeddings, EMBEDDINGS.astype(np.float32))
    assert found.identity_names == ("Ann", "Cy")
    assert found.identities.tolist() == [0, 0, 1]


def test_arrays_may_hold_pairs_groups_and_templates(save):
    _, found = read_arrays(
        save(
            embeddings=EMBEDDINGS,
            identities=np.array([7, 7, 9]),
            groups=np.array(["x", "y", "x"]),
            templates=np.array([1, 1, 2]),
            first=np.array([0, 0]),
            second=np.array([1, 2]),
            mated=np.array([1, 0]),
            fold=np.array([3, 5]),
        )
    )

    assert found.groups.tolist() == [0, 1, 0]
    assert found.templates.names == ("1", "2")
    assert found.pairs.mated.tolist() == [True, False]
    assert found.pairs.fold.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"identities": None}, "identities is missing"),
        ({"embeddings": np.ones(3)}, r"embeddings has the shape \(3,\)"),
        ({"embeddings": np.full((3, 2), np.nan)}, "finite"),
        ({"identities": np.array([1, 2])}, "identities has 2 values"),
        ({"labels": np.array([1, 2, 3])}, "unknown names"),
        ({"first": np.array([0])}, "second is missing"),
        ({"first": np.array([0]), "second": np.array([5]), "mated": np.array([1])}, "rows of the embeddings"),
        ({"first": np.array([0]), "second": np.array([2]), "mated": np.array([1])}, "contradicts"),
        ({"first": np.array([0, 0]), "second": np.array([1]), "mated": np.array([1])}, "one value a pair"),
        ({"templates": np.array([1, 2, 1])}, "of several identities"),
    ],
)
def test_wrong_arrays_are_refused_naming_the_array(save, changes, said):
    arrays = {"embeddings": EMBEDDINGS, "identities": np.array([1, 1, 2]), **changes}

    with pytest.raises(LabelsInvalid, match=said):
        read_arrays(save(**{name: array for name, array in arrays.items() if array is not None}))


def test_file_that_is_no_npz_is_refused(tmp_path):
    (tmp_path / "faces.npz").write_bytes(b"not a zip")

    with pytest.raises(LabelsInvalid, match=r"no \.npz"):
        read_arrays(tmp_path / "faces.npz")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 1e-300])
def test_embedding_that_float32_cannot_hold_is_refused_naming_the_row(tmp_path, value):
    embeddings = np.eye(3, dtype=np.float64)
    embeddings[1, 1] = value
    np.savez(tmp_path / "set.npz", embeddings=embeddings, identities=np.arange(3))

    with pytest.raises(LabelsInvalid, match="row 1"):
        read_arrays(tmp_path / "set.npz")


@pytest.mark.parametrize(
    ("delimiter", "name"), [(";", "faces.csv"), ("\t", "faces.csv"), ("\t", "faces.tsv"), (",", "faces.txt")]
)
def test_table_that_a_spreadsheet_wrote_otherwise_is_read(pictures, write, delimiter, name):
    pictures("a.jpg", "b.jpg")

    found = read_listing(
        write(name, *(delimiter.join(row) for row in (("subject", "image"), ("Ann", "a.jpg"), ("Ben", "b.jpg")))), None
    )

    assert names(found) == ["a.jpg", "b.jpg"]
    assert found.identity_names == ("Ann", "Ben")


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("x.csv", ["subject,image", "Ann;a.jpg"], "line 2: 1 fields, and 2 columns; .* perhaps by semicolon"),
        ("x.csv", ["subjects|image", "Ann|a.jpg"], "parted by comma or semicolon or tab, not 'subjects|image'"),
        ("x.csv", ["subject,image,tmplate", "Ann,a.jpg,1"], "'tmplate'; perhaps template is meant"),
        ("x.txt", ["Ann;1;2"], "perhaps parted by semicolon, and then the first line must name the columns"),
        ("x.csv", ["subject,image", 'Ann,"a', 'Ben,b"'], "line 2: its quotes do not match"),
        ("x.csv", ["subject,image", "Ann," + "a" * 5000 + ".jpg"], "line 2: there is no picture a"),
        ("x.csv", ["subject,image", "Ann," + "a" * 200_000], "line 2: the line has more than 16,384 characters"),
        ("x.csv", ["probe,reference,label,fold", "a.jpg,b.jpg,1," + "1" * 5000], "line 2: the fold '1"),
        ("x.txt", ["Ann " + "1" * 5000 + " 2"], "line 1: '1+' is not the number of a picture"),
        ("x.txt", ["100000 100000", "Ann 1 2"], "the header says 100000 times 100000"),
        ("x.txt", ["1" * 5000 + " 2", "Ann 1 2"], "line 1: the header is"),
    ],
)  # fmt: skip
def test_broken_file_is_refused_in_a_line_of_its_own(pictures, write, name, lines, said):
    pictures(*LFW, "a.jpg", "b.jpg")

    with pytest.raises(LabelsInvalid, match=said) as refused:
        read_listing(write(name, *lines), None)

    assert len(refused.value.message) < 2000


@pytest.mark.parametrize("first", ["subject,image", "probe,reference,label", "Ann 1 2"])
def test_file_of_garbage_is_refused_at_its_first_line_and_the_rest_is_not_read(tmp_path, first):
    path = tmp_path / "set.csv" if "," in first else tmp_path / "set.txt"
    path.write_text(first + "\n" + "x,y,z\n" * 300_000)
    tracemalloc.start()
    try:
        with pytest.raises(LabelsInvalid, match=r"line [12]:"):
            read_listing(path, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 500_000


@pytest.mark.slow
def test_arrays_that_would_unpack_to_more_than_they_may_are_refused_unread(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", embeddings=np.zeros((40_000, 512), np.float32), identities=np.arange(3))

    with pytest.raises(LabelsInvalid, match=r"bytes unpacked; 64 arrays and .* are the most"):
        read_arrays(tmp_path / "bomb.npz")
