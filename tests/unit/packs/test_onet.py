"""The graph made from ONet's weights computes what the network of those weights computes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tiny_packs

from models.packs.convert.onet import build_onet, convert_onet, weight_shapes
from service.errors import PackInvalid
from service.inference.onnx_runtime import ort


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return tiny_packs.onet_weights()


def convolved(maps: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve (n, rows, columns, inputs) without padding, one place of the kernel after the other."""
    side = len(kernel)
    rows, columns = maps.shape[1] - side + 1, maps.shape[2] - side + 1
    result = np.zeros((len(maps), rows, columns, kernel.shape[3])) + bias
    for down in range(side):
        for across in range(side):
            result += maps[:, down : down + rows, across : across + columns] @ kernel[down, across]
    return result


def pooled(maps: np.ndarray, side: int, *, same: bool) -> np.ndarray:
    """Take the maximum of every second place's neighbourhood; ``same`` keeps a last place that is not whole."""
    size = -(-maps.shape[1] // 2) if same else (maps.shape[1] - side) // 2 + 1
    result = np.empty((len(maps), size, size, maps.shape[3]))
    for row in range(size):
        for column in range(size):
            place = maps[:, 2 * row : 2 * row + side, 2 * column : 2 * column + side]
            result[:, row, column] = place.max(axis=(1, 2))
    return result


def forward(weights: Mapping[str, np.ndarray], crops: np.ndarray) -> np.ndarray:
    """ONet in float64 on the layout it was trained in: (n, 48, 48, 3) to points, box and the share of "face"."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def layer(maps: np.ndarray, name: str) -> np.ndarray:
        result = convolved(maps, w[f"{name}.kernel"], w[f"{name}.bias"])
        return np.where(result >= 0, result, w[f"{name}.slope"] * result)

    maps = pooled(layer(crops, "conv1"), 3, same=True)
    maps = pooled(layer(maps, "conv2"), 3, same=False)
    maps = pooled(layer(maps, "conv3"), 2, same=True)
    flat = layer(maps, "conv4").transpose(0, 2, 1, 3).reshape(len(crops), -1)
    hidden = flat @ w["hidden.kernel"] + w["hidden.bias"]
    hidden = np.where(hidden >= 0, hidden, w["hidden.slope"] * hidden)
    logits = np.exp(hidden @ w["face.kernel"] + w["face.bias"])
    share = logits[:, 1:] / logits.sum(axis=1, keepdims=True)
    rest = [hidden @ w[f"{name}.kernel"] + w[f"{name}.bias"] for name in ("points", "box")]
    return np.concatenate([*rest, share], axis=1)


@pytest.mark.parametrize("batch", [1, 3])
def test_graph_gives_the_points_and_box_of_a_plain_forward_pass(weights: dict[str, np.ndarray], batch: int) -> None:
    crops = np.random.default_rng(batch).uniform(-1, 1, (batch, 48, 48, 3)).astype(np.float32)
    session = ort.InferenceSession(build_onet(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    points, box, face = session.run(
        ["points", "box", "face"], {"crops": np.ascontiguousarray(crops.transpose(0, 3, 1, 2))}
    )
    expected = forward(weights, crops.astype(np.float64))
    assert points.shape == (batch, 5, 2)
    np.testing.assert_allclose(points[..., 0], expected[:, :5], atol=2e-6)
    np.testing.assert_allclose(points[..., 1], expected[:, 5:10], atol=2e-6)
    np.testing.assert_allclose(box, expected[:, 10:14], atol=2e-6)
    np.testing.assert_allclose(face, expected[:, 14:], atol=2e-6)
    # Else equality would show nothing: the points must depend on the crop, and each in its own way.
    assert np.ptp(expected) > 0.1


def test_weight_file_is_converted_to_the_same_bytes_each_time(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    path = tiny_packs.write_onet(tmp_path / "onet.lz4", weights)
    assert convert_onet(path) == convert_onet(path) == build_onet(weights).SerializeToString(deterministic=True)


def test_weight_file_of_another_network_is_refused_with_its_shapes(
    tmp_path: Path, weights: dict[str, np.ndarray]
) -> None:
    name = next(iter(weight_shapes()))
    path = tiny_packs.write_onet(tmp_path / "onet.lz4", weights | {name: np.zeros((1, 2), np.float32)})
    with pytest.raises(PackInvalid, match=r"onet\.lz4 does not hold ONet's weights.*\(1, 2\)"):
        convert_onet(path)
