"""Going back: each time further, to the bundle of the settings at last, or to a generation that is named."""

import pytest
from administering import BOB, UNKNOWN, activate, entries, history, roll_back, upload
from fakes import serving


@pytest.fixture
def three(client, made):
    """Three bundles, activated one after the other."""
    ids = []
    for seed in (1, 2, 3):
        bundle_id, content = made(seed)
        upload(client, bundle_id, content)
        assert activate(client, bundle_id).status_code == 200
        ids.append(bundle_id)
    return ids


@pytest.fixture
def built_in(client):
    (entry,) = [entry for entry in entries(client) if entry["state"] == "built_in"]
    return entry["id"]


def back(client, **document):
    answer = roll_back(client, **{"allow_uncalibrated": True, **document})
    assert answer.status_code == 200, answer.text
    return answer.json()["current"]


def test_nothing_is_gone_back_to_before_anything_was_activated(client):
    answer = roll_back(client)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_roll_back")


def test_rollbacks_go_back_one_after_the_other_to_the_bundle_of_the_settings(client, built_in, three):
    assert [back(client) for _ in range(3)] == [three[1], three[0], built_in]
    answer = roll_back(client, allow_uncalibrated=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_roll_back")
    assert history(client)[3:] == [
        (4, three[1], "rollback", 2),
        (5, three[0], "rollback", 1),
        (6, built_in, "rollback", 0),
    ]
    assert client.get("/info").json()["anchor_set"]["id"] == built_in


def test_first_activation_can_be_undone(client, built_in, made):
    bundle_id, content = made(1)
    upload(client, bundle_id, content)
    activate(client, bundle_id)
    assert back(client) == built_in


def test_first_activation_of_the_bundle_of_the_settings_has_nothing_before_it(client, built_in):
    activate(client, built_in)
    assert roll_back(client, allow_uncalibrated=True).status_code == 409


def test_activation_after_a_rollback_is_undone_to_what_the_rollback_restored(client, three):
    assert back(client) == three[1]
    activate(client, three[0])
    assert [back(client), back(client)] == [three[1], three[0]]


@pytest.mark.parametrize("generation", [1, 2])
def test_generation_that_is_named_is_gone_back_to(client, three, generation):
    assert back(client, to_generation=generation) == three[generation - 1]
    assert history(client)[-1] == (4, three[generation - 1], "rollback", generation)


def test_generation_0_is_the_bundle_of_the_settings(client, built_in, three):
    assert back(client, to_generation=0) == built_in
    assert back(client, to_generation=3) == three[2], "and from there forward again"


def test_newest_generation_changes_nothing(client, three):
    answer = roll_back(client, to_generation=3).json()
    assert (answer["changed"], answer["generation"]) == (False, 3)


@pytest.mark.parametrize("generation", [4, 10**30])
def test_generation_that_there_is_not_is_refused(client, three, generation):
    answer = roll_back(client, to_generation=generation)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_generation")
    assert "newest is 3" in answer.json()["detail"]


@pytest.mark.parametrize("document", [{"to_generation": -1}, {"to_generation": "1"}, {"to": 1}])
def test_generation_that_cannot_be_one_is_an_invalid_request(client, three, document):
    assert roll_back(client, **document).json()["code"] == "invalid_request"


def test_record_that_cannot_be_read_is_passed_over(client, three, tmp_path):
    (tmp_path / "store" / "activations" / "2.json").write_bytes(b"{")
    assert back(client) == three[0]


def test_rollback_names_who_asked_and_takes_a_dry_run(client, three):
    answer = roll_back(client, BOB, dry_run=True)
    assert (answer.json()["current"], answer.json()["changed"]) == (three[1], False)
    assert len(history(client)) == 3


def test_stale_generation_is_not_gone_back_from(client, three):
    answer = roll_back(client, expected_generation=2)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_generation")


@pytest.mark.parametrize(("expected", "status"), [(2, 412), (3, 200), (4, 412)])
def test_expected_generation_is_the_newest_and_no_other(client, three, expected, status):
    assert activate(client, three[0], expected_generation=expected).status_code == status


def test_bundle_of_the_settings_that_is_gone_cannot_be_gone_back_to(
    tmp_path, settings, bundle, backbone_session, made, caplog
):
    bundle_id, content = made(1)
    with serving(settings, bundle, backbone_session) as client:
        upload(client, bundle_id, content)
        activate(client, bundle_id)
    with serving(settings, tmp_path / "nowhere", backbone_session) as client:
        assert client.get("/readyz").json()["anchor_set_id"] == bundle_id
        assert "there is no bundle in" in caplog.text
        assert [entry["state"] for entry in entries(client)] == ["active"]
        answer = roll_back(client)
        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_roll_back")
        assert "IDA_BUNDLE" in answer.json()["detail"]
        assert activate(client, UNKNOWN).status_code == 404
