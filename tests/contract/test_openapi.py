"""The OpenAPI document: that it holds together, names things in words, and shows examples that hold."""

import json
import re

import pytest
from administering import TOKEN
from document_of_clients import generator
from fakes import picture, serving
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.api.problems import STATUS
from service.api.wire import face_examples
from service.api.wire.template_examples import VERIFIED_TEMPLATE
from service.errors import NoFace
from service.scoring.population import MEASURES

PROBLEM = "application/problem+json"
_BY_CODE = {kind.code: status for kind, status in STATUS.items() if status != 500} | {"internal_error": 500}


@pytest.fixture(params=["public", "administered", "inside"])
def document(request, settings, bundle, backbone_session):
    """The document of each application that there is."""
    changes = {"public": {}, "administered": {"admin_token": TOKEN}, "inside": {"admin_token": TOKEN, "admin_port": 0}}
    app = serving(type(settings)(home=settings.home, **changes[request.param]), bundle, backbone_session).app
    return (app.state.inside if request.param == "inside" else app).openapi()


def operations(document):
    return [
        (f"{verb.upper()} {path}", operation)
        for path, found in document["paths"].items()
        for verb, operation in found.items()
    ]


def media(document):
    """Where it stands, media type and content of every body that is taken or answered."""
    for name, operation in operations(document):
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for where, body in bodies.items():
            for kind, content in body.get("content", {}).items():
                yield f"{name} {where}", kind, content


def test_document_is_a_valid_one_and_every_reference_resolves(document):
    OpenAPIV31SpecValidator(document).validate()
    references = set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)))
    assert references
    for reference in references:
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas", reference
        assert name in document["components"]["schemas"]
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}, "none unused"


def test_names_of_schemas_and_operations_are_words(document):
    names = document["components"]["schemas"]
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in names), sorted(names)
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in ids), ids
    assert len(set(ids)) == len(ids)


def test_every_body_has_a_schema_and_an_example_that_fits_it(document):
    for where, kind, content in media(document):
        assert content["schema"], where
        if "octet-stream" in kind:
            continue
        if kind == "multipart/form-data":
            assert "$ref" in content["schema"], where
            continue
        assert content["examples"], where
        validator = Draft202012Validator({**content["schema"], "components": document["components"]})
        for name, example in content["examples"].items():
            assert [error.message for error in validator.iter_errors(example["value"])] == [], (where, name)


def test_problem_stands_once_and_every_error_shows_its_codes(document):
    assert json.dumps(document).count("RFC 9457") == 1
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("2") or name == "GET /readyz":
                continue
            assert answer["content"].keys() == {PROBLEM}, (name, status)
            content = answer["content"][PROBLEM]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for code, example in content["examples"].items():
                shown = example["value"]
                assert (shown["code"], shown["status"]) == (code, int(status))
                assert _BY_CODE[code] == int(status)


def test_every_code_that_a_request_can_get_is_declared(settings, bundle, backbone_session):
    administered = type(settings)(home=settings.home, admin_token=TOKEN)
    document = serving(administered, bundle, backbone_session).app.openapi()
    declared = {code for _, kind, content in media(document) if kind == PROBLEM for code in content["examples"]}
    assert declared == _BY_CODE.keys()


def test_document_of_the_admin_api_is_there_with_a_token_alone(document):
    has_admin = any(path.startswith("/admin") for path in document["paths"])
    assert has_admin == ("securitySchemes" in document["components"])


def test_both_forms_of_a_body_are_described_and_the_page_is_there(client):
    document = client.get("/openapi.json").json()
    for path in ("/verify", "/embed"):
        body = document["paths"][path]["post"]["requestBody"]
        assert body["required"]
        assert body["content"].keys() == {"multipart/form-data", "application/json"}
    form = document["components"]["schemas"]["VerifyForm"]
    assert form["properties"]["probe"]["format"] == "binary"
    assert form["properties"]["face_policy"]["enum"] == ["prominent", "largest", "most_central", "reject"]
    assert form["required"] == ["probe", "reference"]
    assert client.get("/docs").status_code == 200


def test_admin_api_says_how_to_be_let_in_and_what_may_be_left_out(settings, bundle, backbone_session):
    administered = type(settings)(home=settings.home, admin_token=TOKEN)
    document = serving(administered, bundle, backbone_session).app.openapi()
    paths = {path: found for path, found in document["paths"].items() if path.startswith("/admin")}
    assert paths
    for _, operation in operations({"paths": paths}):
        assert operation["security"] == [{"HTTPBearer": []}]
        assert {"401", "429"} <= operation["responses"].keys()
    rollback = paths["/admin/anchor-sets/rollback"]["post"]["requestBody"]
    assert not rollback.get("required", False)
    assert paths["/admin/anchor-sets/active"]["put"]["requestBody"]["required"]


def test_answer_that_is_not_declared_is_found_by_the_client_of_the_tests(client, monkeypatch):
    monkeypatch.setitem(STATUS, NoFace, 409)
    with pytest.raises(AssertionError, match="409 is not declared"):
        client.post("/embed", files={"image": picture(faces=0)})
    monkeypatch.setitem(STATUS, NoFace, 415)
    with pytest.raises(AssertionError, match="no_face is not declared"):
        client.post("/embed", files={"image": picture(faces=0)})


def example_faces():
    """The faces of the examples' answers, each with the measures that the same answer gives of it."""
    pair = face_examples.VERIFIED["two photographs of one person"]
    yield from ((pair["faces"][side], pair["quality_check"][side]) for side in ("probe", "reference"))
    (several,) = VERIFIED_TEMPLATE.values()
    used = [one for one in several["template"]["pictures"] if one["problem"] is None]
    yield from ((one["face"], one["quality_check"]) for one in used)


def test_examples_tell_one_thing_of_a_face_wherever_they_tell_it():
    for face, checked in example_faces():
        box = face["box"]
        assert 0 <= box["left"] < box["right"] <= face["image_width"]
        assert 0 <= box["top"] < box["bottom"] <= face["image_height"]
        assert face["cut_off"] == 0
        assert face["rotated_by"] in (0, 90, 180, 270)
        for x, y in face["landmarks"]:
            assert box["left"] < x < box["right"]
            assert box["top"] < y < box["bottom"]
        assert list(checked) == list(MEASURES)
        assert face["detection_score"] == round(checked["detection_score"]["value"], 4)
        for name, measure in MEASURES.items():
            value, limit = checked[name]["value"], checked[name]["limit"]
            if limit is None:
                assert checked[name]["within"] is None
                assert checked[name]["not_judged"]
            else:
                assert checked[name]["within"] is (value >= limit if measure.poor_end == "low" else value <= limit)


def test_example_of_several_pictures_tells_each_ones_part(client):
    ((called, told),) = VERIFIED_TEMPLATE.items()
    template = told["template"]

    assert sum(one["weight"] for one in template["pictures"]) == pytest.approx(1, abs=1e-6)
    assert [one["weight"] > 0 for one in template["pictures"]] == [True, True, False]
    assert template["pictures_used"] == template["calibrated_pictures"] == 2
    left_out = template["pictures"][2]
    assert (left_out["problem"]["picture"], left_out["face"], left_out["similarity"]) == (2, None, None)
    assert told["faces"]["reference"] is None
    shown = client.get("/openapi.json").json()["paths"]["/verify"]["post"]["responses"]["200"]
    assert called in shown["content"]["application/json"]["examples"]


def test_examples_of_one_photograph_agree_with_each_other():
    full = face_examples.VERIFIED["two photographs of one person"]
    basic = face_examples.VERIFIED["detail=basic"]
    (embedded,) = face_examples.EMBEDDED.values()

    assert {name: full[name] for name in basic if name != "faces"} == {
        name: basic[name] for name in basic if name != "faces"
    }
    for side, face in full["faces"].items():
        assert basic["faces"][side] == face | {"quality": face["quality"] | {"components": None}}
        assert full["quality_check"][side]["crowding"]["value"] == full["crowding"][side]
    assert embedded["face"] == full["faces"]["probe"]
    assert embedded["norm"] == full["quality_check"]["probe"]["norm"]["value"]
    assert (embedded["density"], embedded["crowding"]) == (full["density"]["probe"], full["crowding"]["probe"])
    stages = dict(full["timings_ms"])
    assert stages.pop("total") == pytest.approx(sum(stages.values()), abs=0.01)


def test_types_of_the_typescript_client_are_of_this_document():
    made = generator()
    with made.MADE.open(encoding="utf-8") as file:
        first = file.readline()
    assert first == made.first_line(made.document()), "poe typescript writes it anew"
