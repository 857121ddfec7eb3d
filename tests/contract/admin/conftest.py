"""Administrators of an application in process, and bundles for them to send."""

import pytest
from administering import TOKEN, write_tokens
from fakes import fake_pipeline
from small_bundles import small_bundle

from service.settings import Settings
from service.store.archive import pack_bundle


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, watch_interval=3600, replica="replica-a", admin_token_file=write_tokens(tmp_path))


@pytest.fixture
def token():
    return TOKEN


@pytest.fixture
def made(tmp_path, settings):
    """Make a bundle and its archive: made(seed) -> (bundle_id, archive's bytes)."""
    pipeline = fake_pipeline(settings)

    def make(seed, **options):
        folder = tmp_path / f"made-{seed}"
        options = {"backbone_id": pipeline.backbone_id, "embed": pipeline.embed, **options}
        bundle_id = small_bundle(folder, seed=seed, **options)
        pack_bundle(folder, tmp_path / f"made-{seed}.tar")
        return bundle_id, (tmp_path / f"made-{seed}.tar").read_bytes()

    return make
