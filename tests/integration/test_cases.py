"""Pictures of known cases, each with the answer that it should get, through the whole pipeline on the default pack."""

from dataclasses import replace

import pytest

from service.api.body import parse_pair
from service.errors import ImageUndecodable, LowQuality, NoFace, UnsupportedImageType
from service.loaded import load
from service.scoring.population import MeasureLimit, PopulationLimits
from service.settings import load_settings
from service.snapshot.registry import Registry
from service.verifier import Photo

pytestmark = pytest.mark.cases

# What a calibration on CelebA and LFW finds, for an anchor set of the pack faceplugin-mobilefacenet without limits.
LIMITS = {"norm": 2.2, "detection_score": 0.79, "crowding": 0.345}


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


@pytest.fixture(scope="module")
def judging(pack):
    """A verifier whose anchor set has limits: its own, or else those above."""
    settings = load_settings()
    loaded = load(settings)
    snapshot = loaded.started.loaded.snapshot
    if snapshot.calibrations.limits:
        return loaded.verifier(settings)
    parameters = snapshot.parameters
    measures = {name: MeasureLimit(limit, 0.01, {}, 1000) for name, limit in LIMITS.items()}
    limits = PopulationLimits(parameters.k, parameters.tau, parameters.guard, measures)
    calibrations = replace(snapshot.calibrations, limits={"photo": limits})
    return loaded.verifier(settings, Registry(replace(snapshot, calibrations=calibrations)))


@pytest.mark.parametrize(
    ("probe", "reference"),
    [
        ("02-upside-down-strangers/a.jpg", "02-upside-down-strangers/b.jpg"),
        ("04-blurred-strangers/a.jpg", "04-blurred-strangers/b.jpg"),
        ("06-mask-and-sunglasses-strangers/a.jpg", "06-mask-and-sunglasses-strangers/b.jpg"),
        *((f"08-children/{one}.jpg", f"08-children/{other}.jpg") for one, other in ("ab", "ac", "bd", "cd")),
        ("09-non-faces-match/a.png", "09-non-faces-match/b.png"),
    ],
)
def test_strangers_beyond_the_calibrated_people_are_no_match_and_have_no_rate(judging, photo, probe, reference):
    for point in ("fmr_1e-4", "fmr_1e-6"):
        try:
            found = judging.verify(photo(probe), photo(reference), operating_point=point)
        except (NoFace, LowQuality):
            continue
        for judged in (found.judgement, found.cosine_judgement):
            assert judged.decision in ("non_match", "inconclusive")
            assert judged.fmr is None or judged.fmr.fmr > 1e-3
            assert judged.decision == "non_match" or judged.doubts


def test_gate_refuses_them_with_advice(judging, photo):
    with pytest.raises(LowQuality) as refused:
        judging.verify(photo("04-blurred-strangers/a.jpg"), photo("04-blurred-strangers/b.jpg"), quality_policy="gate")
    assert {doubt.image for doubt in refused.value.doubts} == {"probe", "reference"}


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
