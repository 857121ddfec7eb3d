"""What tests of real networks share."""

import pytest

from service.errors import PackNotFound
from service.pipeline import FacePipeline, load_pipeline
from service.settings import load_settings


@pytest.fixture(scope="session")
def sface_pipeline() -> FacePipeline:
    """The pipeline of the pack opencv-sface, as installed in the data folder, on one thread."""
    try:
        return load_pipeline(load_settings(pack="opencv-sface"), threads=1)
    except PackNotFound as error:
        pytest.skip(error.message)
