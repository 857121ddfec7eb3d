"""Pictures of known cases, each with the answer that it should get, through the whole pipeline on the default pack."""

import pytest

from service.api.answering.face_answer import face_answer
from service.api.body import parse_pair
from service.errors import ImageUndecodable, LowQuality, NoFace, UnsupportedImageType
from service.loaded import load
from service.settings import load_settings
from service.verifier import Photo

pytestmark = pytest.mark.cases


@pytest.fixture(scope="module")
def verifier(pack):
    settings = load_settings()
    return load(settings).verifier(settings)


@pytest.fixture
def photo(cases_dir):
    return lambda name: Photo((cases_dir / name).read_bytes())


def test_damaged_jpeg_is_refused_and_never_a_non_match(verifier, photo):
    good, damaged = photo("15-damaged-jpeg/good.jpg"), photo("15-damaged-jpeg/damaged.jpg")
    assert verifier.verify(good, good, operating_point="fmr_1e-4").judgement.decision == "match"
    with pytest.raises(ImageUndecodable) as refused:
        verifier.verify(good, damaged)
    assert refused.value.image == "reference"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_person_photographed_sideways_is_himself(verifier, photo, degrees):
    turned, upright = (
        photo(f"01-sideways-same-person/turned{degrees}.jpg"),
        photo("01-sideways-same-person/upright.jpg"),
    )
    found = verifier.verify(turned, upright, operating_point="fmr_1e-4")
    assert found.judgement.decision == "match"
    assert found.faces[0].rotated_by != 0 == found.faces[1].rotated_by


def test_small_face_of_a_large_photograph_is_found_and_matches(verifier, photo):
    large = photo("11-small-face-in-12-megapixels/photo.jpg")
    for other in ("crop", "portrait"):
        found = verifier.verify(large, photo(f"11-small-face-in-12-megapixels/{other}.jpg"), operating_point="fmr_1e-4")
        assert found.judgement.decision == "match"
    assert found.faces[0].faces_found == 1


def test_face_cut_by_the_edge_tells_how_much_of_it_is_lacking(verifier, photo):
    cut, whole = (verifier.embed(photo(f"17-face-cut-by-the-edge/{name}.jpg")).face for name in ("cut", "whole"))
    answered = face_answer(cut, None, "full")
    assert answered.cut_off > 0.1
    assert answered.box.top == 0
    assert face_answer(whole, None, "full").cut_off == 0


@pytest.mark.parametrize(
    ("probe", "reference"),
    [
        ("02-upside-down-strangers/a.jpg", "02-upside-down-strangers/b.jpg"),
        ("04-blurred-strangers/a.jpg", "04-blurred-strangers/b.jpg"),
        ("06-mask-and-sunglasses-strangers/a.jpg", "06-mask-and-sunglasses-strangers/b.jpg"),
        ("09-non-faces-match/a.png", "09-non-faces-match/b.png"),
    ],
)
def test_strangers_beyond_the_calibrated_people_are_no_match_and_have_no_rate(verifier, photo, probe, reference):
    for point in ("fmr_1e-4", "fmr_1e-6"):
        try:
            found = verifier.verify(photo(probe), photo(reference), operating_point=point)
        except (NoFace, LowQuality):
            continue
        for judged in (found.judgement, found.cosine_judgement):
            assert judged.decision in ("non_match", "inconclusive")
            assert judged.fmr is None or judged.fmr.fmr > 1e-3
            assert judged.decision == "non_match" or judged.doubts


_CHILDREN = [(f"08-children/{one}.jpg", f"08-children/{other}.jpg") for one, other in ("ab", "ac", "bd", "cd")]


@pytest.mark.parametrize(("probe", "reference"), _CHILDREN)
def test_children_are_no_match_at_the_strictest_point(verifier, photo, probe, reference):
    found = verifier.verify(photo(probe), photo(reference), operating_point="fmr_1e-6")
    assert found.judgement.decision == "non_match"


@pytest.mark.xfail(strict=True, reason="nothing that is measured tells generated children from generated adults")
@pytest.mark.parametrize(("probe", "reference"), _CHILDREN)
def test_children_are_no_match_at_one_in_ten_thousand(verifier, photo, probe, reference):
    found = verifier.verify(photo(probe), photo(reference), operating_point="fmr_1e-4")
    assert found.judgement.decision in ("non_match", "inconclusive")


def test_gate_refuses_them_with_advice(verifier, photo):
    with pytest.raises(LowQuality) as refused:
        verifier.verify(photo("04-blurred-strangers/a.jpg"), photo("04-blurred-strangers/b.jpg"), quality_policy="gate")
    assert {doubt.code for doubt in refused.value.doubts} == {"poor_picture"}
    assert all(doubt.advice for doubt in refused.value.doubts)


def test_photograph_of_48_megapixels_is_read(verifier, photo):
    found = verifier.embed(photo("18-48-megapixels/photo.jpg"))
    assert found.face.image_size == (8064, 6048)


@pytest.mark.parametrize("dialect", ["plain", "urlsafe", "unpadded", "mime-lines", "capital-data-uri"])
def test_base64_of_every_dialect_is_taken(verifier, cases_dir, dialect):
    asked = parse_pair((cases_dir / f"13-base64-dialects/{dialect}.json").read_bytes())
    found = verifier.verify(asked.probe, asked.reference, operating_point=asked.operating_point)
    assert found.judgement.decision == "match"


def test_picture_of_twelve_bits_is_the_person_of_the_same_in_sixteen(verifier, photo):
    deep, plain = photo("16-12-bit-grey-png/grey12.png"), photo("16-12-bit-grey-png/grey16.png")
    found = verifier.verify(deep, plain, operating_point="fmr_1e-4")
    assert found.judgement.decision == "match"


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_photograph_of_every_format_is_the_person_of_the_jpeg(verifier, photo, kind):
    other, jpeg = photo(f"12-heic-avif/a.{kind}"), photo("12-heic-avif/a.jpg")
    found = verifier.verify(other, jpeg, operating_point="fmr_1e-4")
    assert found.judgement.decision == "match"
    assert found.similarity > 0.95


@pytest.mark.parametrize(("suffix", "name"), [("gif", "a GIF image"), ("tif", "a TIFF image")])
def test_photograph_that_is_not_read_is_refused_by_its_name(verifier, photo, suffix, name):
    with pytest.raises(UnsupportedImageType, match=f"{name}.* Save it as a JPEG or PNG"):
        verifier.embed(photo(f"12-heic-avif/a.{suffix}"))
