"""Answers that are kept: signed by the service, and computed again from their embeddings by ``ida-verify replay``."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from calibrated_bundles import CURVE, SOUND
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fakes import picture, serving
from typer.testing import CliRunner

from models.bundles.derive import Change, derive_bundle
from models.bundles.keys import make_keys
from models.cli import app
from service.api.receipts import canonical, embedding_sha256, receipt_holds
from service.app import create_app
from service.bundle.calibration_part import calibration_content
from service.bundle.reader import read_bundle, read_manifest
from service.errors import SettingsInvalid
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, TemplateCalibration
from service.scoring.methods import METHODS
from service.scoring.population import MeasureLimit, PopulationLimits
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.settings import Settings

PROBE, PICTURES = picture(seed=1), [picture(seed=seed) for seed in (2, 3, 4)]
NO_FACE = picture(0, seed=9)


def b64(data):
    return base64.b64encode(data).decode()


def log_curve():
    return FmrCurve(
        np.log(np.array([0.01, 0.1, 0.9])), CURVE.log10_fmr, CURVE.log10_low, CURVE.log10_high, CURVE.shown_down_to
    )


@pytest.fixture
def calibrated_bundle(tmp_path, bundle):
    """A bundle with rates for one picture and for templates of 2 and 4, and limits."""
    manifest = read_manifest(bundle)
    source = read_bundle(bundle, backbone_id=manifest.backbone_id)

    def made(name):
        curve = log_curve() if METHODS[name].scale == "log" else CURVE
        scale = np.exp if METHODS[name].scale == "log" else float
        points = tuple(replace(point, threshold=float(scale(curve.score_of(point.fmr)))) for point in SOUND)
        return MethodCalibration(name, manifest.parameters, "photo", curve, points)

    methods = tuple(made(name) for name in ("cosine", "ida-r", "csls"))
    measures = {"norm": MeasureLimit(limit=1.0, share=0.01, quantiles={"0.01": 1.0, "0.5": 400.0}, faces=10)}
    parameters = manifest.parameters
    calibrations = Calibrations(
        "people made up",
        methods,
        manifest.pipeline_id,
        limits={"photo": PopulationLimits(parameters.k, parameters.tau, parameters.guard, measures)},
        face_policy="prominent",
        templates=tuple(TemplateCalibration(size, method) for size in (2, 4) for method in methods),
    )
    finder = TermFinder(source.anchors, FaissSearch(source.anchors))
    content = calibration_content(calibrations, manifest)
    derive_bundle(
        tmp_path / "calibrated", bundle, source, finder, Change(parameters, "ida-r", {"calibration": content}, "a test")
    )
    return tmp_path / "calibrated"


@pytest.fixture
def keys(tmp_path):
    make_keys(tmp_path / "service")
    return tmp_path / "service.key", tmp_path / "service.pub"


@pytest.fixture
def client(tmp_path, calibrated_bundle, backbone_session, keys):
    settings = Settings(home=tmp_path, receipt_key_file=keys[0])
    with serving(settings, calibrated_bundle, backbone_session) as client:
        yield client


def ask(client, references, **options):
    asked = {"operating_point": "fmr_1e-2", "return_embeddings": True, **options}
    one = {"image": b64(references[0])}
    listed = one if len(references) == 1 else [{"image": b64(reference)} for reference in references]
    return client.post("/verify", json={"probe": {"image": b64(PROBE)}, "reference": listed, **asked}).json()


@pytest.fixture
def replay(tmp_path, calibrated_bundle, monkeypatch):
    """Return what replays an answer: what is printed, and the exit code."""
    monkeypatch.setenv("IDA_HOME", str(tmp_path))

    def run(answer, *arguments, bundle=calibrated_bundle):
        (tmp_path / "answer.json").write_text(json.dumps(answer))
        given = ["--bundle", str(bundle)] if bundle else []
        result = CliRunner().invoke(app, ["replay", str(tmp_path / "answer.json"), *given, *map(str, arguments)])
        return result.output, result.exit_code

    return run


def kept(tmp_path, answer):
    """The arguments that name the embeddings of an answer, as .npy files of its values times their norms."""
    embeddings = answer.pop("embeddings")
    references = embeddings["reference"]
    arguments = []
    listed = references if isinstance(references, list) else [references]
    for number, (option, one) in enumerate([("--probe", embeddings["probe"]), *(("--reference", r) for r in listed)]):
        if one is not None:
            np.save(tmp_path / f"{number}.npy", np.array(one["embedding"], np.float32))
            arguments += [option, str(tmp_path / f"{number}.npy")]
    return arguments


# receipts


def test_receipt_is_the_services_signature_over_the_answer(client, keys):
    answer = ask(client, PICTURES[:1])
    public = load_pem_public_key(keys[1].read_bytes())
    assert receipt_holds(answer, public)
    # Whatever writes JSON may have stored it: another order, spaces, 1 in place of 1.0, and no embeddings.
    stored = json.loads(json.dumps(dict(reversed(answer.items())), indent=3).replace("1.0,", "1,"))
    del stored["embeddings"]
    assert receipt_holds(stored, public)
    assert answer["receipt"]["key_id"] == client.get("/info").json()["receipt_key_id"]


@pytest.mark.parametrize("detail", ["full", "basic"])
@pytest.mark.parametrize("number", [1, 3])
def test_signature_holds_for_no_other_answer(client, keys, detail, number):
    answer = ask(client, PICTURES[:number], detail=detail)
    public = load_pem_public_key(keys[1].read_bytes())
    assert receipt_holds(answer, public)
    for field, value in (("score", answer["score"] + 1e-6), ("decision", "match!"), ("extra", 1)):
        assert not receipt_holds({**answer, field: value}, public)
    other = {**answer["receipt"], "key_id": "0" * 16}
    assert not receipt_holds({**answer, "receipt": other}, public)
    assert not receipt_holds({**answer, "receipt": {**answer["receipt"], "signature": "no base64"}}, public)


def test_digests_are_of_the_embeddings_that_were_compared(client):
    answer = ask(client, [PICTURES[0], NO_FACE, PICTURES[1]], unusable_pictures="skip")
    digests, embeddings = answer["receipt"]["embeddings"], answer["embeddings"]
    assert digests["reference"][1] is None
    assert embeddings["reference"][1] is None
    pairs = [(digests["probe"], embeddings["probe"]), (digests["reference"][0], embeddings["reference"][0])]
    for digest, embedding in pairs:
        assert digest["sha256"] == embedding_sha256(np.array(embedding["embedding"]))
        assert digest["norm"] == embedding["norm"]


def test_every_answer_of_a_batch_is_signed(client, keys):
    pairs = [{"probe": {"image": b64(PROBE)}, "reference": {"image": b64(one)}} for one in PICTURES]
    items = client.post("/verify/batch", json={"pairs": pairs}).json()["items"]
    public = load_pem_public_key(keys[1].read_bytes())
    assert all(receipt_holds(item["answer"], public) for item in items)
    assert all("embeddings" not in item["answer"] for item in items)


def test_form_may_ask_for_the_embeddings_too(client):
    parts = [("probe", ("a.png", PROBE, "image/png")), ("reference", ("b.png", PICTURES[0], "image/png"))]
    assert "embeddings" not in client.post("/verify", files=parts).json()
    assert "embeddings" not in client.post("/verify", files=parts, data={"return_embeddings": "False"}).json()
    answer = client.post("/verify", files=parts, data={"return_embeddings": "True"}).json()
    alone = client.post("/embed", files={"image": ("a.png", PROBE, "image/png")}).json()
    assert answer["embeddings"]["probe"]["embedding"] == pytest.approx(alone["embedding"], abs=1e-6)
    assert client.post("/verify", files=parts, data={"return_embeddings": "yes"}).status_code == 400


def test_nothing_is_signed_where_no_key_is_set(settings, calibrated_bundle, backbone_session):
    with serving(settings, calibrated_bundle, backbone_session) as client:
        answer = ask(client, PICTURES[:1], return_embeddings=False)
        assert client.get("/info").json()["receipt_key_id"] is None
    assert not {"receipt", "embeddings", "template"} & set(answer)


@pytest.mark.parametrize("content", [None, b"", b"no key", "public", "rsa"])
def test_service_does_not_start_with_a_key_that_is_none(tmp_path, keys, content):
    file = tmp_path / "bad.key"
    if content == "public":
        content = keys[1].read_bytes()
    if content == "rsa":
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = ec.generate_private_key(ec.SECP256R1())
        content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match="IDA_RECEIPT_KEY_FILE"):
        create_app(Settings(home=tmp_path, receipt_key_file=file))


CANONICAL = {
    "1e30": 1e30, "4.5": 4.5, "0.002": 2e-3, "1e-27": 1e-27, "0.000001": 1e-6, "1e-7": 1e-7, "-0.00005": -5e-5,
    "100000000000000000000": 1e20, "1e+21": 1e21, "333333333.3333333": 333333333.33333329, "0": -0.0, "1": 1.0,
    "123": 123, "true": True, "null": None, '"€$\\u000f\\nA\'B\\"\\\\"': "\u20ac$\u000f\nA'B\"\\",
    '{"1":{"f":{"F":5,"f":"hi"}},"10":{},"a":[]}': {"10": {}, "1": {"f": {"f": "hi", "F": 5}}, "a": []},
}  # fmt: skip


@pytest.mark.parametrize("written", CANONICAL)
def test_canonical_form_is_that_of_rfc_8785(written):
    expected = written.replace("1e30", "1e+30")
    assert canonical(CANONICAL[written]) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_has_no_canonical_form(value):
    with pytest.raises(ValueError, match=r"not finite|no JSON"):
        canonical(value)


# replay


@pytest.mark.parametrize("method", ["cosine", "ida-r", "csls", "as-norm"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_answer_comes_out_the_same_to_the_digit(client, replay, keys, method, number):
    answer = ask(client, PICTURES[:number], method=method)
    output, code = replay(answer, "--public-key", keys[1])
    assert (code, output.splitlines()[0][:15]) == (0, "the same: score"), output
    assert "last digit" not in output


@pytest.mark.parametrize("number", [1, 3])
def test_embeddings_may_be_kept_apart(client, replay, tmp_path, number):
    answer = ask(client, PICTURES[:number])
    arguments = kept(tmp_path, answer)
    output, code = replay(answer, *arguments)
    assert (code, "the same: score" in output) == (0, True), output
    # Without them nothing can be computed.
    output, code = replay(answer)
    assert (code, "--probe and --reference" in output) == (1, True)


def test_signature_is_checked_without_embeddings_too(client, replay, keys):
    answer = ask(client, PICTURES[:1])
    del answer["embeddings"]

    def told(*arguments):
        output, code = replay(answer, *arguments)
        assert code == 1
        return " ".join(output.split())

    assert "signature was not looked at" in told()
    assert "The signature holds" in told("--public-key", keys[1])
    answer["score"] = 0.123
    assert "receipt.signature: it does not hold" in told("--public-key", keys[1])


def test_answer_of_a_version_that_knew_fewer_fields_is_replayed(client, replay, keys):
    answer = ask(client, PICTURES[:1])
    del answer["llr_interval"], answer["receipt"]
    output, code = replay(answer)
    assert (code, "differ" in output) == (0, False), output


def test_answer_of_embed_may_be_given(client, replay, tmp_path):
    answer = ask(client, PICTURES[:1])
    (tmp_path / "probe.json").write_text(json.dumps(answer["embeddings"]["probe"]))
    (tmp_path / "reference.json").write_text(json.dumps(answer["embeddings"]["reference"]))
    del answer["embeddings"]
    output, code = replay(answer, "--probe", tmp_path / "probe.json", "--reference", tmp_path / "reference.json")
    assert code == 0, output


def test_skipped_picture_is_no_picture_that_must_be_given(client, replay, tmp_path):
    answer = ask(client, [PICTURES[0], NO_FACE, PICTURES[1]], unusable_pictures="skip")
    output, code = replay(answer, *kept(tmp_path, answer))
    assert code == 0, output


@pytest.mark.parametrize("policy", ["report", "decide"])
@pytest.mark.parametrize("faces", [1, 2])
def test_doubts_and_several_faces_come_out_the_same(client, replay, tmp_path, policy, faces):
    asked = {"image": b64(picture(faces, seed=7))}
    options = {"quality_policy": policy, "operating_point": "fmr_1e-3", "return_embeddings": True}
    options["face_policy"] = "largest"
    answer = client.post("/verify", json={"probe": asked, "reference": asked, **options}).json()
    output, code = replay(answer)
    assert code == 0, output
    assert (answer["decision"] is None) is (faces == 2), "the policy is not the one that was calibrated"


CHANGED = {
    "score": (("score",), 0.9),
    "rate": (("fmr_at_score",), 1e-9),
    "interval": (("fmr_interval",), [1e-9, 1e-8]),
    "threshold": (("threshold",), 0.01),
    "decision": (("decision",), "inconclusive"),
    "density": (("density", "probe"), 0.5),
    "the cosine's decision": (("cosine", "decision"), "inconclusive"),
    "a limit": (("quality_check", "probe", "norm", "limit"), 2.0),
    "a reason": (("reasons",), [{"image": "probe", "code": "poor_picture", "advice": "none"}]),
    "the method": (("method",), "csls"),
    "the point": (("operating_point",), "fmr_1e-3"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_changed_figure_is_told_and_the_signature_does_not_hold(client, replay, keys, case):
    answer = ask(client, PICTURES[:1])
    (*path, last), value = CHANGED[case]
    place = answer
    for name in path:
        place = place[name]
    assert place[last] != value
    place[last] = value
    output, code = replay(answer, "--public-key", keys[1])
    assert code == 1
    assert "receipt.signature" in output
    # By its figures alone, too.
    output, code = replay(answer)
    assert code == 1, output
    assert output.startswith("differs: ")


def test_other_bundle_is_told(client, replay, bundle):
    output, code = replay(ask(client, PICTURES[:1]), bundle=bundle)
    assert code == 1
    assert "differs: anchor_set.id: " in output


def test_other_pack_is_told(client, replay):
    answer = ask(client, PICTURES[:1])
    answer["model"]["pipeline_id"] = "0" * 16
    output, code = replay(answer)
    assert (code, "differs: " in output) == (1, True)
    answer["model"]["backbone_id"] = "f" * 16
    output, code = replay(answer)
    assert code == 1
    assert "differs: model.backbone_id: ffffffffffffffff in the answer" in output


def test_other_embedding_is_told_by_its_digest_and_by_the_score(client, replay, tmp_path):
    answer = ask(client, PICTURES[:2])
    answer["embeddings"]["reference"].reverse()
    output, code = replay(answer)
    assert code == 1
    assert "reference 0: the embedding is not the one that was compared" in output
    del answer["receipt"]
    output, code = replay(answer)
    assert code == 1
    assert "template.pictures.0.similarity" in output


def test_other_key_and_no_signature_are_told(client, replay, tmp_path, keys):
    answer = ask(client, PICTURES[:1])
    make_keys(tmp_path / "other")
    output, code = replay(answer, "--public-key", tmp_path / "other.pub")
    assert (code, "receipt.key_id" in output) == (1, True)
    del answer["receipt"]
    output, code = replay(answer, "--public-key", keys[1])
    assert (code, "not signed" in output) == (1, True)


def test_bundle_of_the_settings_is_found_by_the_id_of_the_answer(client, replay, calibrated_bundle, monkeypatch):
    answer = ask(client, PICTURES[:1])
    monkeypatch.setenv("IDA_BUNDLE", str(calibrated_bundle))
    output, code = replay(answer, bundle=None)
    assert code == 0, output
    output, code = replay(answer, bundle=answer["anchor_set"]["id"])
    assert code == 0, output
    monkeypatch.delenv("IDA_BUNDLE")
    output, code = replay(answer, bundle=None)
    assert (code, "neither shipped nor in the store" in output) == (1, True)


def test_parameters_of_the_settings_change_the_score_and_that_is_told(client, replay, monkeypatch):
    monkeypatch.setenv("IDA_STRENGTH", "0.5")
    output, code = replay(ask(client, PICTURES[:1]))
    assert (code, "differs: score" in output) == (1, True)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"score": 1}', "\x00", '{"a":' * 2000])
def test_answer_that_is_none_is_refused(tmp_path, replay, content):
    (tmp_path / "broken.json").write_text(content)
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "broken.json")])
    assert result.exit_code == 1
    assert "no full answer" in result.output


def test_answer_in_short_is_refused(client, replay):
    output, code = replay(ask(client, PICTURES[:1], detail="basic"))
    assert (code, "detail=basic" in output) == (1, True)


@pytest.mark.parametrize(
    "values", [np.zeros(32, np.float32), np.ones((2, 32), np.float32), np.ones(32, np.int64), np.full(32, np.nan)]
)
def test_embedding_that_is_none_is_refused(client, replay, tmp_path, values):
    answer = ask(client, PICTURES[:1])
    np.save(tmp_path / "odd.npy", values)
    output, code = replay(answer, "--probe", tmp_path / "odd.npy")
    assert code == 1
    assert output.startswith("error: ")
    (tmp_path / "odd.npy").write_bytes(b"\x93NUMPY no array")
    assert replay(answer, "--probe", tmp_path / "odd.npy")[1] == 1


def test_wrong_number_of_references_is_refused(client, replay, tmp_path):
    answer = ask(client, PICTURES)
    arguments = kept(tmp_path, answer)
    output, code = replay(answer, *arguments[:-2])
    assert (code, "compared 3 pictures of the reference, and 2 embeddings are given" in output) == (1, True)
