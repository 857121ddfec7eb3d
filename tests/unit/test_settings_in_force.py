"""What is in force and where it comes from, and variables that look like settings and are none."""

import json
import os
import traceback

import pytest
from typer.testing import CliRunner

from models.cli import app
from service.errors import SettingsInvalid
from service.settings import Settings, load_settings
from service.settings_in_force import settings_in_force, unknown_variables

TOKEN = "a-token-0123456789"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in list(os.environ):
        if name.upper().startswith("IDA_"):
            monkeypatch.delenv(name)


def told(settings, options=()):
    return {found.variable: found for found in settings_in_force(settings, options)}


def test_every_setting_is_told_with_its_source(monkeypatch):
    monkeypatch.setenv("IDA_QUEUE", "7")
    monkeypatch.setenv("ida_tau", "2")
    monkeypatch.setenv("IDA_K", "")
    found = told(load_settings(port=9000), ["port"])
    assert found.keys() == {f"IDA_{name.upper()}" for name in Settings.model_fields}
    assert (found["IDA_QUEUE"].value, found["IDA_QUEUE"].source) == ("7", "environment")
    assert (found["IDA_TAU"].value, found["IDA_TAU"].source) == ("2.0", "environment")
    assert (found["IDA_PORT"].value, found["IDA_PORT"].source) == ("9000", "option")
    assert (found["IDA_K"].value, found["IDA_K"].source) == ("", "default")
    assert found["IDA_HOST"].source == "default"


def test_what_follows_from_others_is_told_as_it_is_in_force(tmp_path):
    found = told(load_settings(home=tmp_path))
    assert found["IDA_STORE"].value == str(tmp_path / "store")
    assert found["IDA_CACHE"].value == str(tmp_path / "cache")
    assert found["IDA_REPLICA"].value.endswith(":8000")


def test_no_secret_is_told():
    settings = load_settings(admin_token=TOKEN, store="s3://key:s3cret@bucket/prefix?sig=abcdef")
    text = str(settings_in_force(settings))
    assert told(settings)["IDA_STORE"].value == "s3://***@bucket/prefix?***"
    assert not any(secret in text for secret in (TOKEN, "s3cret", "abcdef"))


@pytest.mark.parametrize("secret", ["S 3KEY", 'S"3KEY', "S'3KEY", "S<3KEY", "S\t3KEY"])
@pytest.mark.parametrize("url", ["s3://key:{}@bucket/prefix", "s3:/key:{}@bucket", "az://account/x?sig={}"])
def test_url_of_a_store_with_what_no_url_has_is_refused_without_telling_it(url, secret):
    with pytest.raises(SettingsInvalid, match=r"IDA_STORE: .*percent-encode") as failure:
        load_settings(store=url.format(secret))
    assert "3KEY" not in failure.value.message
    assert "3KEY" not in "".join(traceback.format_exception(failure.value)), "as a log would show it"


def test_folder_of_a_store_may_have_a_space(tmp_path):
    for store in (f"{tmp_path}/my store", f"file://{tmp_path}/my store"):
        assert load_settings(store=store).store_location == store


def test_command_tells_the_same(monkeypatch):
    monkeypatch.setenv("IDA_ADMIN_TOKEN", TOKEN)
    monkeypatch.setenv("IDA_QUEEU", "7")
    as_json = CliRunner().invoke(app, ["settings", "--json", "--port", "9000"])
    assert as_json.exit_code == 0, as_json.output
    document = json.loads(as_json.output)
    assert {"variable": "IDA_PORT", "value": "9000", "source": "option"} in document["settings"]
    assert document["unknown"] == ["IDA_QUEEU is no setting; the nearest is IDA_QUEUE"]
    table = CliRunner().invoke(app, ["settings"])
    assert "IDA_WATCH_INTERVAL" in table.output
    assert "the nearest is IDA_QUEUE" in table.output
    assert TOKEN not in as_json.output + table.output


def test_command_refuses_what_cannot_be_used(monkeypatch):
    monkeypatch.setenv("IDA_QUEUE", "many")
    result = CliRunner().invoke(app, ["settings"])
    assert (result.exit_code, "IDA_QUEUE" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IDA_DEADLINE", "IDA_DEADLINE is no setting; the nearest is IDA_DEADLINE_SECONDS"),
        ("IDA_ADMIN_TOKENFILE", "IDA_ADMIN_TOKENFILE is no setting; the nearest is IDA_ADMIN_TOKEN_FILE"),
        ("ida_hots", "ida_hots is no setting; the nearest is IDA_HOST"),
        ("IDA_ZZZZZZZZZZZZ", "IDA_ZZZZZZZZZZZZ is no setting"),
    ],
)
def test_unknown_variable_is_told_with_the_nearest_setting(monkeypatch, name, expected):
    monkeypatch.setenv(name, "secret-value")
    assert unknown_variables() == [expected]


def test_known_variables_and_those_of_kubernetes_are_not_told(monkeypatch):
    for name in ("IDA_PORT", "ida_port", "IDA_VERIFY_SERVICE_HOST", "IDA_VERIFY_SERVICE_PORT_HTTP", "IDA_VERIFY_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("IDA_VERIFY_PORT_8000_TCP_ADDR", "10.0.0.1")
    assert unknown_variables() == []
    monkeypatch.delenv("IDA_VERIFY_SERVICE_HOST")
    assert "IDA_VERIFY_PORT is no setting; the nearest is IDA_REPLICA" not in unknown_variables()
    assert len(unknown_variables()) == 3, "without a service of that name they are mistakes"
