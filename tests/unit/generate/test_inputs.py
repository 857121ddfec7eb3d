"""Which input of a generator is which, and the numbers drawn for them."""

import numpy as np
import pytest

from models.generate.draw import Draw, feed
from models.generate.generator_inputs import Input, InputRole, roles
from models.tool_errors import GeneratorInvalid

LATENT = Input("z", InputRole.LATENT, (None, 6))
NOISE = Input("noise_4", InputRole.NOISE, (None, 1, 4, 4))
SHARED = Input("noise_8", InputRole.NOISE, (1, 1, 8, 8))
PSI = Input("psi", InputRole.PSI, (None, 1))
LABEL = Input("c", InputRole.LABEL, (None, 5))


def test_roles_of_stylegan_inputs_follow_from_their_names():
    found = roles(["z", "c", "truncation_psi", "noise_4", "noise_8"])

    assert found == {
        "z": InputRole.LATENT,
        "c": InputRole.LABEL,
        "truncation_psi": InputRole.PSI,
        "noise_4": InputRole.NOISE,
        "noise_8": InputRole.NOISE,
    }


@pytest.mark.parametrize("name", ["z", "latent", "input.1", "noise"])
def test_roles_of_a_single_input_make_it_the_latent(name):
    assert roles([name]) == {name: InputRole.LATENT}


@pytest.mark.parametrize("names", [["z", "w"], ["noise_1", "noise_2"], ["psi"], []])
def test_roles_without_exactly_one_latent_say_how_to_export(names):
    with pytest.raises(GeneratorInvalid, match="one latent"):
        roles(names)


def test_feed_gives_an_image_the_same_numbers_in_any_batch():
    inputs = [LATENT, NOISE, LABEL]

    together = feed(inputs, range(8), Draw(seed=3))
    alone = feed(inputs, [5], Draw(seed=3))

    for name in together:
        assert np.array_equal(together[name][5:6], alone[name]), name


def test_feed_gives_other_images_and_seeds_other_numbers():
    latents = feed([LATENT], range(4), Draw(seed=3))["z"]

    assert len(np.unique(latents, axis=0)) == 4
    assert not np.array_equal(latents, feed([LATENT], range(4), Draw(seed=4))["z"])


def test_feed_does_not_depend_on_the_order_of_the_inputs():
    forward = feed([LATENT, NOISE, LABEL], [2], Draw())
    backward = feed([LABEL, NOISE, LATENT], [2], Draw())

    assert all(np.array_equal(forward[name], backward[name]) for name in forward)


def test_feed_of_a_latent_is_standard_normal():
    latents = feed([Input("z", InputRole.LATENT, (None, 2000))], range(10), Draw())["z"]

    assert latents.dtype == np.float32
    assert abs(latents.mean()) < 0.03
    assert latents.std() == pytest.approx(1, abs=0.02)


def test_feed_draws_shared_noise_once_for_all_batches():
    first, second = feed([LATENT, SHARED], [0, 1], Draw()), feed([LATENT, SHARED], [7], Draw())

    assert first["noise_8"].shape == (1, 1, 8, 8)
    assert np.array_equal(first["noise_8"], second["noise_8"])


@pytest.mark.parametrize(("shape", "filled"), [((), ()), ((1,), (1,)), ((None,), (3,)), ((None, 1), (3, 1))])
def test_feed_fills_psi_in_whatever_shape_it_has(shape, filled):
    values = feed([LATENT, Input("psi", InputRole.PSI, shape)], range(3), Draw(psi=0.5))["psi"]

    assert values.shape == filled
    assert np.all(values == np.float32(0.5))


def test_feed_draws_a_class_for_each_image_and_takes_the_asked_one():
    drawn = feed([LATENT, LABEL], range(60), Draw())["c"]
    asked = feed([LATENT, LABEL], range(3), Draw(label=4))["c"]

    assert np.all(drawn.sum(axis=1) == 1)
    assert np.all(drawn.sum(axis=0) > 0)
    assert asked.tolist() == [[0, 0, 0, 0, 1]] * 3


def test_feed_of_a_class_number_needs_to_know_how_many_there_are():
    number = Input("class", InputRole.LABEL, (None,), np.int64)

    with pytest.raises(GeneratorInvalid, match="--classes"):
        feed([LATENT, number], [0], Draw())
    assert feed([LATENT, number], [0, 1], Draw(label=2), classes=3)["class"].tolist() == [2, 2]


def test_feed_of_a_class_that_does_not_exist_says_which_do():
    with pytest.raises(GeneratorInvalid, match="classes 0 to 4"):
        feed([LATENT, LABEL], [0], Draw(label=5))


def test_feed_of_an_unconditional_label_is_empty():
    assert feed([LATENT, Input("c", InputRole.LABEL, (None, 0))], range(2), Draw())["c"].shape == (2, 0)
