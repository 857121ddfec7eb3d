"""A generator in an ONNX file, run by ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from models.generate.draw import Feed
from models.generate.generator_inputs import Axes, Input, InputRole, roles
from models.tool_errors import GeneratorInvalid
from service.choices import Device
from service.errors import DeviceUnavailable, InferenceFailed
from service.inference.onnx_runtime import ort
from service.inference.providers import Placement
from service.inference.small_weights import all_nodes

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
_DRAWING = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


class OnnxGenerator:
    """A generator in an ONNX file. Safe to call from several threads, as ONNX Runtime sessions are."""

    def __init__(self, path: Path, axes: Axes, *, device: Device, threads: int) -> None:
        """Load it; see ``load_generator``."""
        _refuse_drawing(path)
        placement = Placement(device, threads)
        placement.require(ort)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=placement.providers())
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise GeneratorInvalid(f"ONNX Runtime cannot load {path.name}: {error}") from error
        if self._session.get_providers()[0] != placement.provider:
            raise DeviceUnavailable(
                f"ONNX Runtime did not take {placement.provider} for {path.name}: check the CUDA libraries."
            )
        self.inputs: Sequence[Input]
        self.inputs, self.batch = _inputs(self._session.get_inputs(), axes)
        self._output = self._session.get_outputs()[0].name

    def run(self, values: Feed, seed: int) -> NDArray[Any]:  # noqa: ARG002 - a graph that draws was refused
        """Return the images of a batch; see ``Generator.run``."""
        try:
            images: NDArray[Any] = self._session.run([self._output], values)[0]
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise InferenceFailed(f"ONNX Runtime failed on the generator: {error}") from error
        return images


def _inputs(described: Sequence[Any], axes: Axes) -> tuple[list[Input], int | None]:
    """Return the inputs, and the batch size where the file fixes it."""
    named = roles([item.name for item in described])
    latent = next(item for item in described if named[item.name] is InputRole.LATENT)
    batch = latent.shape[0] if latent.shape and isinstance(latent.shape[0], int) else None
    found = []
    for item in described:
        role = named[item.name]
        if item.type not in _DTYPES:
            raise GeneratorInvalid(f"The generator's input {item.name} is a {item.type}; export it as float32.")
        shape = [size if isinstance(size, int) else None for size in item.shape]
        if shape and shape[0] == batch:
            shape[0] = None
        if role is InputRole.LATENT and shape.count(None) > 1:
            shape[1] = axes.latent
        elif role is InputRole.LABEL and shape.count(None) > 1:
            shape[-1] = axes.classes
        if role is not InputRole.PSI and None in shape[1:]:
            raise GeneratorInvalid(
                f"The generator's input {item.name} has the shape {list(item.shape)}, open beyond its first axis: "
                "say how many values a latent has (--latent) or how many classes there are (--classes), or export it "
                "with fixed sizes."
            )
        found.append(Input(item.name, role, tuple(shape), _DTYPES[item.type]))
    return found, batch


def _refuse_drawing(path: Path) -> None:
    """Refuse a graph that draws random numbers: ONNX Runtime would draw others in every run.

    Raises:
        GeneratorInvalid: if it does, or is no ONNX file.
    """
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf and onnx raise classes of their own for what is no ONNX file
        raise GeneratorInvalid(f"{path.name} is no ONNX file: {error}") from error
    drawing = sorted({node.op_type for node in all_nodes(graph)} & _DRAWING)
    if drawing:
        raise GeneratorInvalid(
            f"{path.name} draws random numbers itself ({', '.join(drawing)}), so no image could be made again: export "
            "it with constant noise (noise_mode='const' in StyleGAN), or with the noise as inputs called noise..."
        )
