"""The seam between a run and whatever engine holds the generator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from models.generate.draw import Feed
from models.generate.generator_inputs import Axes, Input
from models.generate.onnx_network import OnnxGenerator
from models.tool_errors import ExtraMissing, GeneratorInvalid
from service.choices import Device

_TORCHSCRIPT_SUFFIXES = (".pt", ".ts", ".pth", ".torchscript")


class Generator(Protocol):
    """A network from latents to images."""

    @property
    def inputs(self) -> Sequence[Input]:
        """What it takes."""
        ...

    @property
    def batch(self) -> int | None:
        """The only batch size that it takes; None where it takes any."""
        ...

    def run(self, values: Feed, seed: int) -> NDArray[Any]:
        """Return images (n, 3, height, width) or (n, 1, height, width), in [-1, 1].

        Args:
            values: by name, the inputs of n images.
            seed: of what the network itself may draw.

        Raises:
            InferenceFailed: if the engine fails.
        """
        ...


def load_generator(path: Path, axes: Axes, *, device: Device, threads: int) -> Generator:
    """Load a generator from an ONNX or a TorchScript file.

    Args:
        path: a file that ends in .onnx, or in .pt, .pth, .ts or .torchscript.
        axes: sizes that the file leaves open.
        device: where it runs.
        threads: CPU threads of one run.

    Raises:
        GeneratorInvalid: if it cannot be loaded, or its inputs are not a generator's.
        DeviceUnavailable: if the device is not there.
        ExtraMissing: if it is TorchScript and PyTorch is not installed.
    """
    if path.suffix == ".onnx":
        return OnnxGenerator(path, axes, device=device, threads=threads)
    if path.suffix in _TORCHSCRIPT_SUFFIXES:
        # Imported only where it is asked for: PyTorch is an extra, and takes seconds.
        try:
            from models.generate.torchscript_network import TorchScriptGenerator  # noqa: PLC0415
        except ImportError as error:
            raise ExtraMissing(
                f"{path.name} is TorchScript, which needs PyTorch: install the extra [train]."
            ) from error
        return TorchScriptGenerator(path, axes, device=device, threads=threads)
    raise GeneratorInvalid(
        f"{path.name} is no generator: give an ONNX file (.onnx) or a TorchScript file "
        f"({', '.join(_TORCHSCRIPT_SUFFIXES)})."
    )
