"""Generators in ONNX files, real ONNX Runtime on tiny graphs."""

import numpy as np
import pytest
from tiny_generators import write_generator

from models.generate.draw import Draw
from models.generate.generator import ImageRun, to_pixels
from models.generate.generator_inputs import Axes
from models.generate.network import load_generator
from models.tool_errors import GeneratorInvalid


def images(path, count, *, draw=None, batch=4, axes=None, skip=()):
    axes = axes or Axes()
    run = ImageRun(
        load_generator(path, axes, device="cpu", threads=1), draw or Draw(), batch=batch, classes=axes.classes
    )
    return {image.number: image.pixels for image in run.images(count, skip=skip)}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[number], other[number]) for number in one)


def test_images_are_rgb_pixels_in_their_order(tmp_path):
    made = images(write_generator(tmp_path / "g.onnx"), 6)

    assert list(made) == list(range(6))
    assert {pixels.shape for pixels in made.values()} == {(16, 16, 3)}
    assert {pixels.dtype for pixels in made.values()} == {np.dtype(np.uint8)}
    assert len({pixels.tobytes() for pixels in made.values()}) == 6


def test_images_asked_for_in_parts_are_those_of_one_run(tmp_path):
    path = write_generator(tmp_path / "g.onnx", noise={"noise_16": ("batch", 1, 16, 16)})

    whole = images(path, 11)
    parts = images(path, 5) | images(path, 9, skip=range(5)) | images(path, 11, skip=range(9))

    assert same(whole, parts)


def test_images_of_a_dcgan_latent_are_made(tmp_path):
    assert len(images(write_generator(tmp_path / "g.onnx", latent=(8, 1, 1)), 3)) == 3


def test_psi_below_one_brings_images_nearer_to_each_other(tmp_path):
    path = write_generator(tmp_path / "g.onnx", psi=(1,), classes=3)

    def spread(psi):
        return np.std(np.stack(list(images(path, 8, draw=Draw(psi=psi)).values())), axis=0).mean()

    assert spread(0.1) < 0.5 * spread(1.0)


def test_label_gives_other_images_of_the_same_latents(tmp_path):
    path = write_generator(tmp_path / "g.onnx", classes=3)

    assert not same(images(path, 2, draw=Draw(label=0)), images(path, 2, draw=Draw(label=1)))


def test_noise_without_a_batch_axis_is_taken(tmp_path):
    path = write_generator(tmp_path / "g.onnx", noise={"noise_a": (1, 1, 16, 16), "noise_b": (16, 16)})

    assert same(images(path, 6), images(path, 4) | images(path, 6, skip=range(4)))


def test_file_of_a_fixed_batch_decides_the_batch(tmp_path):
    path = write_generator(tmp_path / "g.onnx", batch=2, psi=(2, 1))

    assert same(images(path, 5, batch=16), images(path, 5, batch=1))


def test_grey_generator_gives_three_equal_channels(tmp_path):
    made = images(write_generator(tmp_path / "g.onnx", channels=1), 1)[0]

    assert np.array_equal(made[..., 0], made[..., 2])


def test_latent_of_an_open_size_must_be_told(tmp_path):
    path = write_generator(tmp_path / "g.onnx")
    import onnx

    model = onnx.load(str(path))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"
    path.write_bytes(model.SerializeToString())

    with pytest.raises(GeneratorInvalid, match="--latent"):
        images(path, 1)
    assert len(images(path, 1, axes=Axes(latent=8))) == 1


def test_graph_that_draws_noise_itself_is_refused(tmp_path):
    path = write_generator(tmp_path / "g.onnx", draws=True)

    with pytest.raises(GeneratorInvalid, match=r"RandomNormalLike.*noise_mode"):
        images(path, 1)


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.5), (127.0, 0.0)])
def test_values_outside_minus_one_to_one_are_refused(tmp_path, scale, shift):
    with pytest.raises(GeneratorInvalid, match=r"must be in \[-1, 1\]"):
        images(write_generator(tmp_path / "g.onnx", scale=scale, shift=shift), 4)


def test_values_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(GeneratorInvalid, match="finite"):
        images(write_generator(tmp_path / "g.onnx", scale=float("nan")), 4)


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3, 4, 4), (2, 4, 4, 4)])
def test_to_pixels_of_another_shape_names_it(shape):
    with pytest.raises(GeneratorInvalid, match=r"\(2, 3, height, width\)"):
        to_pixels(np.zeros(shape), 2)


def test_to_pixels_maps_the_ends_and_clips_beyond():
    values = np.array([-1.3, -1, -0.0039, 1, 1.3, 0.5]).reshape(1, 1, 2, 3)

    assert to_pixels(values, 1)[0, ..., 0].tolist() == [[0, 0, 127], [255, 255, 191]]


@pytest.mark.parametrize("name", ["g.h5", "g"])
def test_file_of_another_kind_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")

    with pytest.raises(GeneratorInvalid, match=r"\.onnx"):
        load_generator(tmp_path / name, Axes(), device="cpu", threads=1)


def test_file_that_is_no_onnx_is_refused(tmp_path):
    (tmp_path / "g.onnx").write_bytes(b"not an onnx file")

    with pytest.raises(GeneratorInvalid, match=r"g\.onnx"):
        load_generator(tmp_path / "g.onnx", Axes(), device="cpu", threads=1)
