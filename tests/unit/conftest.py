"""What all unit tests share."""

import os

import pytest


@pytest.fixture(autouse=True)
def _nothing_is_forced_to_the_disk(monkeypatch):
    """No machine is switched off amid a test, and waiting for the disk takes a tenth of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
