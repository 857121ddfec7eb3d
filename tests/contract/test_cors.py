"""Pages of other origins: answered where the operator listed the origin, and no other."""

import pytest
from fakes import picture, serving

from service.errors import SettingsInvalid
from service.settings import load_settings

SHOP = "https://shop.example"
FILES = {"probe": picture(seed=1), "reference": picture(seed=2)}
ASKING = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def open_to_shop(settings, bundle, backbone_session, tmp_path):
    (tmp_path / "keys.toml").write_text(f'shop = {{ sha256 = "{"0" * 64}", scopes = ["verify"] }}\n')
    changes = {"cors_origins": f"{SHOP},http://localhost:3000", "api_keys_file": tmp_path / "keys.toml"}
    with serving(settings.model_copy(update=changes), bundle, backbone_session) as client:
        yield client


def test_page_of_a_listed_origin_is_let_ask_and_reads_why_it_was_refused(open_to_shop):
    asked = open_to_shop.options("/verify", headers=ASKING)
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, SHOP)
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    refused = open_to_shop.post("/verify", files=FILES, headers={"Origin": SHOP})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == SHOP
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in refused.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"]
)
def test_page_of_another_origin_is_not(open_to_shop, origin):
    assert open_to_shop.options("/verify", headers={**ASKING, "Origin": origin}).status_code == 400
    answer = open_to_shop.get("/readyz", headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


def test_page_may_not_change_anything(open_to_shop):
    for method in ("PUT", "DELETE"):
        asked = open_to_shop.options(
            "/admin/anchor-sets/active", headers={**ASKING, "Access-Control-Request-Method": method}
        )
        assert asked.status_code == 400


def test_by_default_no_origin_is_listed(client):
    answer = client.post("/verify", files=FILES, headers={"Origin": SHOP})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origins",
    ["*", "shop.example", "https://shop.example/", "https://Shop.example", "https://*.example", f"{SHOP} , {SHOP}"],
)
def test_what_is_no_origin_is_told_at_the_start(origins):
    with pytest.raises(SettingsInvalid, match="IDA_CORS_ORIGINS"):
        load_settings(cors_origins=origins)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://[::1]:8443", "capacitor://localhost"])
def test_what_browsers_send_is_an_origin(origin):
    assert load_settings(cors_origins=origin).origins == (origin,)
