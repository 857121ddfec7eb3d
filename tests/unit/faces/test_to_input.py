import numpy as np
import pytest

from service.inference.preprocessing import to_input
from service.pack import Preprocessing


@pytest.fixture
def images():
    return np.random.default_rng(2).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)


def test_to_input_in_rgb_keeps_the_order_of_channels(images):
    batch = to_input(images, Preprocessing(width=30, height=20, colour="rgb", mean=127.0, scale=128.0))

    assert batch.dtype == np.float32
    assert batch == pytest.approx((images.transpose(0, 3, 1, 2) - 127.0) / 128.0, abs=1e-6)


def test_to_input_in_bgr_has_mean_and_scale_in_the_networks_order(images):
    mean, scale = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)
    batch = to_input(images, Preprocessing(width=30, height=20, colour="bgr", mean=mean, scale=scale))

    for channel in range(3):
        expected = (images[..., 2 - channel] - mean[channel]) / scale[channel]
        assert batch[:, channel] == pytest.approx(expected, abs=1e-5)


def test_to_input_in_grey_weighs_the_channels(images):
    batch = to_input(images, Preprocessing(width=30, height=20, colour="grey", mean=0.0, scale=256.0))

    assert batch.shape == (3, 1, 20, 30)
    # ITU-R BT.601 luma
    assert batch[:, 0] == pytest.approx(images @ (0.299, 0.587, 0.114) / 256, abs=1 / 256)


def test_to_input_of_a_batch_equals_its_images_one_by_one(images):
    preprocessing = Preprocessing(width=30, height=20, colour="bgr", mean=127.5, scale=127.5)

    alone = [to_input([image], preprocessing) for image in images]

    assert np.array_equal(to_input(images, preprocessing), np.concatenate(alone))
