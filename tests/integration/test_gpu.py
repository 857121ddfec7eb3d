"""The real pack on a real GPU, against the CPU: skipped, with the reason, where there is none."""

import numpy as np
import pytest

from service.errors import DeviceUnavailable
from service.inference.onnx_runtime import ort
from service.pipeline import load_pipeline
from service.settings import load_settings

pytestmark = [pytest.mark.gpu, pytest.mark.weights, pytest.mark.usefixtures("pack")]


@pytest.fixture(scope="module")
def crops():
    """More crops than the largest batch, of smooth random pictures."""
    coarse = np.random.default_rng(4).integers(0, 256, (70, 7, 7, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)


@pytest.fixture(params=["cuda", "cuda-graphs"])
def on_gpu(request):
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has no CUDA provider (install the extra [gpu])")
    try:
        return load_pipeline(load_settings(device="cuda", gpu_engine=request.param))
    except DeviceUnavailable as error:
        pytest.skip(f"no CUDA device can be used: {error.message}")


def test_embeddings_on_a_gpu_are_those_of_the_cpu_in_every_size_of_batch(on_gpu, crops):
    expected = load_pipeline(load_settings(device="cpu")).embed(crops)

    for count in (1, 2, 3, 8, 64, 70):
        found = on_gpu.embed(crops[:count])
        assert np.einsum("nd,nd->n", found, expected[:count]).min() > 0.9999


def test_a_batch_size_on_a_gpu_gives_the_same_bits_each_time(on_gpu, crops):
    first = on_gpu.embed(crops[:8])

    on_gpu.embed(crops[:64])

    assert np.array_equal(on_gpu.embed(crops[:8]), first)
