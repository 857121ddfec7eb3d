"""Weights in blocks of 8 bits, folded: what the file says, computed by loops, and by ONNX Runtime's run of the file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.packs.convert.dequantize import dequantize
from models.packs.convert.opencv_run import opencv_run
from service.errors import PackInvalid
from service.inference.onnx_runtime import ort
from service.pack import Preprocessing

SIZE = Preprocessing(width=16, height=16, colour="rgb", mean=0.0, scale=1.0)


def quantized_network(*, side: int = 16, quantizes_image: bool = False) -> onnx.ModelProto:
    """A convolution whose weights (4, 3, 3, 3) are stored as (4, 27) in blocks of 9, as OpenCV's tool writes them."""
    random = np.random.default_rng(5)
    constants = {
        "w_quantized": random.integers(-128, 128, (4, 27), dtype=np.int8),
        "w_scales": random.uniform(0.001, 0.01, (4, 3)).astype(np.float32),
        "w_zero_point": random.integers(-20, 20, (4, 3), dtype=np.int8),
        "w_shape": np.array([4, 3, 3, 3], np.int64),
        "one": np.array(0.5, np.float32),
        "zero": np.array(3, np.int8),
        "flat": np.array([1, -1, 4], np.int64),
    }
    nodes = [
        helper.make_node(
            "DequantizeLinear", ["w_quantized", "w_scales", "w_zero_point"], ["w_float"], axis=1, block_size=9
        ),
        helper.make_node("Reshape", ["w_float", "w_shape"], ["w_reshaped"]),
    ]
    image = "image"
    if quantizes_image:
        nodes += [
            helper.make_node("QuantizeLinear", ["image", "one", "zero"], ["bytes"]),
            helper.make_node("DequantizeLinear", ["bytes", "one", "zero"], ["again"]),
        ]
        image = "again"
    nodes += [
        helper.make_node("Conv", [image, "w_reshaped"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Dropout", ["maps"], ["kept"]),
        helper.make_node("Transpose", ["kept"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "flat"], ["cells"]),
    ]
    graph = helper.make_graph(
        nodes,
        "quantized",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side]),
            # What the weights were called before they were quantized: an input that nothing takes.
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]),
        ],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, [1, side * side, 4])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def folded(tmp_path: Path, network: onnx.ModelProto) -> onnx.ModelProto:
    onnx.save(network, str(tmp_path / "net.onnx"))
    model = onnx.load_from_string(dequantize(tmp_path / "net.onnx", SIZE))
    onnx.checker.check_model(model, full_check=True)
    return model


def test_folded_weights_are_those_that_the_blocks_say(tmp_path: Path) -> None:
    network = quantized_network()
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in network.graph.initializer}

    model = folded(tmp_path, network)

    expected = np.empty((4, 27))
    for row in range(4):
        for column in range(27):
            block = column // 9
            difference = int(stored["w_quantized"][row, column]) - int(stored["w_zero_point"][row, block])
            expected[row, column] = difference * float(stored["w_scales"][row, block])
    (weights,) = [tensor for tensor in model.graph.initializer if list(tensor.dims) == [4, 3, 3, 3]]
    np.testing.assert_allclose(numpy_helper.to_array(weights).reshape(4, 27), expected, rtol=1e-6)
    assert [value.name for value in model.graph.input] == ["image"]
    assert {node.op_type for node in model.graph.node} == {"Conv", "Identity", "Transpose", "Reshape"}


def test_folded_network_computes_what_both_engines_compute_of_the_published_file(tmp_path: Path) -> None:
    onnx.save(quantized_network(), str(tmp_path / "net.onnx"))
    image = np.random.default_rng(2).uniform(0, 255, (1, 3, 16, 16)).astype(np.float32)
    # ONNX Runtime asks for the input that nothing takes.
    published = ort.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    expected = published.run(None, {"image": image, "w": np.zeros((4, 3, 3, 3), np.float32)})[0]

    content = dequantize(tmp_path / "net.onnx", SIZE)
    (got,) = ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"image": image})
    (by_opencv,) = opencv_run(tmp_path / "net.onnx", input_name="image", output_names=["cells"])(image)

    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(by_opencv, expected, rtol=1e-5, atol=1e-3)


def test_network_published_for_larger_images_takes_those_of_the_pack(tmp_path: Path) -> None:
    model = folded(tmp_path, quantized_network(side=32))

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (cells,) = session.run(None, {"image": np.zeros((1, 3, 16, 16), np.float32)})
    assert cells.shape == (1, 256, 4)


def test_network_that_quantizes_its_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackInvalid, match="quantizes more than its weights"):
        folded(tmp_path, quantized_network(quantizes_image=True))


def test_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")

    with pytest.raises(PackInvalid, match=r"net\.onnx"):
        dequantize(tmp_path / "net.onnx", SIZE)


def test_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    onnx.save(quantized_network(), str(tmp_path / "net.onnx"))

    assert dequantize(tmp_path / "net.onnx", SIZE) == dequantize(tmp_path / "net.onnx", SIZE)
