"""Where libraries keep their files."""

import os

import pytest

from models.program import keep_font_list_in_cache


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.setenv("IDA_CACHE", str(tmp_path))
    yield tmp_path
    os.environ.pop("MPLCONFIGDIR", None)


def test_font_list_lies_in_the_cache_folder_of_the_settings(environment):
    keep_font_list_in_cache()
    assert os.environ["MPLCONFIGDIR"] == str(environment / "matplotlib")


def test_folder_that_the_user_chose_is_kept(environment, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", "/elsewhere")
    keep_font_list_in_cache()
    assert os.environ["MPLCONFIGDIR"] == "/elsewhere"


def test_unusable_setting_is_left_to_the_command_to_tell(environment, monkeypatch):
    monkeypatch.setenv("IDA_PORT", "far too many")
    keep_font_list_in_cache()
    assert "MPLCONFIGDIR" not in os.environ
