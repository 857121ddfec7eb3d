"""Pictures of known cases, each with the answer that it should get, through the whole pipeline on the default pack."""

import pytest

from service.api.body import parse_pair
from service.errors import ImageUndecodable, UnsupportedImageType
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
