"""ida-l over HTTP: densities from the SSR head, the search beside it or off, and the answers without a head."""

import logging
import math

import numpy as np
import pytest
from fakes import DIMENSION, picture, serving, stage_runs
from tiny_heads import log_density, with_head

from service.errors import BundleInvalid, SettingsInvalid
from service.settings import Settings

FILES = {"probe": picture(seed=1), "reference": picture(seed=2)}


@pytest.fixture
def bundle_with_head(tmp_path, bundle):
    return with_head(tmp_path / "with head", bundle)


@pytest.fixture
def client(settings, bundle_with_head, backbone_session):
    with serving(settings, bundle_with_head, backbone_session) as client:
        yield client


@pytest.fixture
def searchless(tmp_path, bundle_with_head, backbone_session):
    with serving(Settings(home=tmp_path, anchor_search="off"), bundle_with_head, backbone_session) as client:
        yield client


def unit(seed):
    row = np.random.default_rng(seed).standard_normal(DIMENSION)
    return (row / np.linalg.norm(row)).tolist()


def by(client, method, probe=1, reference=2):
    body = {"probe": {"embedding": unit(probe)}, "reference": {"embedding": unit(reference)}, "method": method}
    return client.post("/verify", json=body)


def test_ida_l_scores_equation_4_of_the_heads_densities(client):
    answer = by(client, "ida-l").json()

    f1, f2 = np.exp(log_density(np.array([unit(1), unit(2)])))
    assert answer["density"]["probe"] == pytest.approx(f1, rel=1e-5)
    assert answer["density"]["reference"] == pytest.approx(f2, rel=1e-5)
    assert answer["score"] == answer["dao_score"]
    assert answer["score"] == pytest.approx(math.exp(answer["similarity"]) * (f1 + f2), rel=1e-5)
    assert answer["crowding"]["probe"] == pytest.approx(math.log(1 / (10 * f1)), abs=1e-5)


def test_ida_l_is_timed_as_a_prediction_and_not_as_a_search(client):
    assert client.post("/verify", files=FILES, data={"method": "ida-l"}).status_code == 200

    assert (stage_runs(client, "predict"), stage_runs(client, "search")) == (1, 0)


def test_methods_that_search_answer_beside_ida_l(client):
    assert by(client, "ida-r").json()["method"] == "ida-r"
    assert client.post("/verify", files=FILES).json()["method"] == "ida-r"


def test_embed_tells_the_density_of_the_asked_method(client):
    told = {
        method: client.post("/embed", json={"embedding": unit(1), "method": method}).json()
        for method in ("ida-l", "ida-r", "cosine")
    }
    by_default = client.post("/embed", json={"embedding": unit(1)}).json()

    assert told["ida-l"]["density"] == pytest.approx(math.exp(log_density(np.array([unit(1)]))[0]), rel=1e-5)
    assert told["ida-r"]["density"] == by_default["density"] != told["ida-l"]["density"]
    assert told["cosine"]["density"] == by_default["density"], "where the method has none, that of the default one"
    assert [told[method]["density_method"] for method in told] == ["ida-l", "ida-r", "ida-r"]


def test_embed_takes_the_method_as_a_form_field(client):
    answer = client.post("/embed", files={"image": picture()}, data={"method": "ida-l"}).json()

    assert answer["density_method"] == "ida-l"
    assert answer["density"] > 0


def test_info_names_the_head_and_the_methods_that_it_adds(client):
    info = client.get("/info").json()

    assert "ida-l" in info["methods"]
    assert set(info["not_served"]) == {"pfe", "pfe+ida-r", "ida-q", "ida-ql"}
    assert (info["ssr_head"]["k"], info["ssr_head"]["tau"]) == (10, 1.0)
    assert info["anchor_set"]["search"] == "on"


def test_ida_l_on_a_bundle_without_a_head_says_what_there_is_and_what_to_do(settings, bundle, backbone_session):
    with serving(settings, bundle, backbone_session) as client:
        response, info = by(client, "ida-l"), client.get("/info").json()
        embedded = client.post("/embed", json={"embedding": unit(1), "method": "ida-l"})

    assert (response.status_code, response.json()["code"]) == (400, "method_not_served")
    assert "ssr train" in response.json()["detail"]
    assert "cosine, ida-r, csls" in response.json()["detail"]
    assert embedded.json()["code"] == "method_not_served"
    assert "ida-l" not in info["methods"]
    assert "no SSR head" in info["not_served"]["ida-l"]
    assert info["ssr_head"] is None


@pytest.mark.parametrize("changed", [{"k": 7}, {"tau": 2.0}])
def test_ida_l_at_parameters_that_the_head_was_not_trained_for_is_refused_and_the_rest_served(
    tmp_path, bundle_with_head, backbone_session, changed
):
    with serving(Settings(home=tmp_path, **changed), bundle_with_head, backbone_session) as client:
        refused, served = by(client, "ida-l"), by(client, "ida-r")

    assert (refused.status_code, refused.json()["code"]) == (400, "method_not_served")
    assert "trained for k = 10, tau = 1" in refused.json()["detail"]
    assert "IDA_K, IDA_TAU" in refused.json()["detail"]
    assert served.status_code == 200


def test_strength_may_differ_from_the_bundles(tmp_path, bundle_with_head, backbone_session):
    with serving(Settings(home=tmp_path, strength=0.3), bundle_with_head, backbone_session) as client:
        answer = by(client, "ida-l").json()

    summed = answer["density"]["probe"] + answer["density"]["reference"]
    assert answer["score"] == pytest.approx(math.exp(answer["similarity"]) * summed**0.3, rel=1e-5)


def test_without_the_search_ida_l_is_the_default_and_scores_the_same(client, searchless):
    answer = searchless.post("/verify", files=FILES).json()

    assert answer["method"] == "ida-l"
    assert answer["score"] == client.post("/verify", files=FILES, data={"method": "ida-l"}).json()["score"]
    assert answer["anchor_set"] == client.post("/verify", files=FILES).json()["anchor_set"]
    assert searchless.post("/embed", files={"image": picture()}).json()["density_method"] == "ida-l"


@pytest.mark.parametrize("method", ["ida-r", "csls", "s-norm", "as-norm"])
def test_without_the_search_a_method_that_needs_it_is_refused(searchless, method):
    response = by(searchless, method)

    assert (response.status_code, response.json()["code"]) == (400, "method_not_served")
    assert "IDA_ANCHOR_SEARCH=off" in response.json()["detail"]
    assert response.json()["detail"].endswith("Ask for one of: cosine, ida-l.")


def test_without_the_search_info_and_the_log_say_so(tmp_path, bundle_with_head, backbone_session, caplog):
    with (
        caplog.at_level(logging.WARNING),
        serving(Settings(home=tmp_path, anchor_search="off"), bundle_with_head, backbone_session) as client,
    ):
        info = client.get("/info").json()

    assert info["methods"] == ["cosine", "ida-l"]
    assert (info["default_method"], info["anchor_set_default_method"]) == ("ida-l", "ida-r")
    assert info["anchor_set"]["search"] == "off"
    assert info["anchor_set"]["count"] == 64
    assert "get ida-l, not the anchor set's own ida-r" in caplog.text


def test_without_the_search_a_default_of_cosine_stays(tmp_path, bundle, backbone_session):
    folder = with_head(tmp_path / "by cosine", bundle, default_method="cosine")
    with serving(Settings(home=tmp_path, anchor_search="off"), folder, backbone_session) as client:
        assert client.get("/info").json()["default_method"] == "cosine"
        assert client.post("/embed", files={"image": picture()}).json()["density_method"] == "ida-l"


def start(settings, bundle, session):
    with serving(settings, bundle, session):
        pass


def test_start_without_search_and_without_head_is_refused(tmp_path, bundle, backbone_session):
    with pytest.raises(SettingsInvalid, match=r"IDA_ANCHOR_SEARCH=off.*no SSR head.*IDA_ANCHOR_SEARCH=on"):
        start(Settings(home=tmp_path, anchor_search="off"), bundle, backbone_session)


def test_start_without_search_at_parameters_of_no_head_is_refused(tmp_path, bundle_with_head, backbone_session):
    with pytest.raises(SettingsInvalid, match="trained for k = 10"):
        start(Settings(home=tmp_path, anchor_search="off", k=5), bundle_with_head, backbone_session)


def test_start_with_ida_l_as_default_at_parameters_of_no_head_is_refused(tmp_path, bundle, backbone_session):
    folder = with_head(tmp_path / "by ida-l", bundle, default_method="ida-l")
    with pytest.raises(SettingsInvalid, match=r"default_method is ida-l.*Unset IDA_K and IDA_TAU"):
        start(Settings(home=tmp_path, tau=3.0), folder, backbone_session)


def samples(client):
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_agreement_monitor_is_fed_by_verify_and_embed_through_ida_l_alone(tmp_path, bundle_with_head, backbone_session):
    with serving(Settings(home=tmp_path, agreement_share=1.0), bundle_with_head, backbone_session) as client:
        by(client, "ida-r")
        by(client, "cosine")
        by(client, "ida-l")
        client.post("/embed", json={"embedding": unit(1), "method": "ida-l"})
        metrics = client.app_state["service"].metrics

    # The service ended, and with it the monitor, which first compared what still waited.
    assert metrics.registry.get_sample_value("ida_agreement_samples_total", {"outcome": "compared"}) == 2
    assert metrics.registry.get_sample_value("ida_crowding_difference_count") == 3


def test_crowding_is_counted_under_the_method_that_told_it(client):
    by(client, "ida-l")

    seen = samples(client)
    assert seen['ida_crowding_count{method="ida-l"}'] == 2
    assert seen['ida_score_count{method="ida-l"}'] == 1
    assert seen['ida_stage_seconds_count{stage="predict"}'] == 1


def test_start_with_a_default_of_ida_l_and_no_head_is_refused(settings, bundle, backbone_session):
    manifest = bundle / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"default_method": "ida-r"', b'"default_method": "ida-l"'))

    with pytest.raises(BundleInvalid, match=r"default_method is ida-l.*no SSR head"):
        start(settings, bundle, backbone_session)
