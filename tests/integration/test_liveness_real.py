"""The real liveness network beside the default pack: what it says of photographs that packages carry."""

import io

import numpy as np
import onnx
import pytest
from PIL import Image
from skimage import data

from service.faces.liveness import LivenessCheck, network_inputs
from service.faces.types import Box
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pipeline import load_pipeline
from service.settings import load_settings

pytestmark = pytest.mark.liveness


def encoded(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pipeline(pack, liveness_part):
    return load_pipeline(load_settings())


@pytest.fixture(scope="module")
def session(liveness_part):
    return OnnxSession(liveness_part.file, Placement())


def liveness_of(pipeline, content):
    return pipeline.extract(content, "largest", with_liveness=True).liveness


def test_plain_portrait_is_live(pipeline, astronaut_png):
    found = liveness_of(pipeline, astronaut_png)
    assert (found.verdict, found.reason) == ("live", None)
    assert found.score > 0.9


def test_portrait_cut_close_is_uncertain_and_so_is_a_small_one(pipeline):
    portrait = Image.fromarray(data.astronaut())
    close = portrait.crop((140, 30, 310, 230))
    assert liveness_of(pipeline, encoded(close, format="PNG")).reason == "narrow_picture"
    small = portrait.resize((200, 200), Image.Resampling.LANCZOS)
    assert liveness_of(pipeline, encoded(small, format="PNG")).reason == "small_face"


def test_verdict_is_the_same_for_each_way_of_storing_the_picture(pipeline):
    portrait = Image.fromarray(data.astronaut())
    verdicts = {
        liveness_of(pipeline, encoded(portrait, **options)).verdict
        for options in ({"format": "PNG"}, {"format": "JPEG", "quality": 90}, {"format": "BMP"})
    }
    assert verdicts == {"live"}


def test_network_takes_batches_and_gives_three_values(session, liveness_part):
    inputs = network_inputs(data.astronaut(), Box(180, 62, 268, 173), liveness_part.manifest.liveness)
    together = session.run(inputs)[0]
    assert together.shape == (3, 3)
    alone = np.concatenate([session.run(row[None])[0] for row in inputs])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_installed_network_is_proven_and_holds_no_small_weights(liveness_part):
    entry = liveness_part.receipt.file
    assert (entry.batch, entry.proof.minimum_cosine > 0.999999, entry.flushed) == ("dynamic", True, 0)
    assert onnx.load(liveness_part.file).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_black_beside_the_face_would_not_be_called_live(session, liveness_part):
    # Why nothing is filled in where a crop reaches beyond the picture.
    portrait = data.astronaut()[20:260, 100:340]
    framed = np.zeros((600, 600, 3), np.uint8)
    framed[180:420, 180:420] = portrait
    check = LivenessCheck(session.run, liveness_part.manifest)
    assert check.assess(framed, Box(260, 222, 348, 333)).verdict != "live"
