"""A generator in a TorchScript file, run by PyTorch (the extra ``train``)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.generate.draw import Feed
from models.generate.generator_inputs import Axes, Input, InputRole, role_of, roles
from models.tool_errors import GeneratorInvalid
from service.choices import Device
from service.errors import DeviceUnavailable, InferenceFailed

_TENSORS = frozenset({"Tensor", "Optional[Tensor]"})
_REMEDY = {
    InputRole.LATENT: ": say how many values a latent has (--latent)",
    InputRole.LABEL: ": say how many classes there are (--classes)",
    InputRole.NOISE: ": let the module draw its noise, which is repeatable here",
}


class TorchScriptGenerator:
    """A generator in a TorchScript file. For one thread: PyTorch's random state is the process's."""

    batch: int | None = None

    def __init__(self, path: Path, axes: Axes, *, device: Device, threads: int) -> None:
        """Load it; see ``load_generator``."""
        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceUnavailable("The device cuda: PyTorch finds no CUDA device. Take the device cpu.")
        torch.set_num_threads(threads)
        self._device = torch.device(device)
        jit: Any = torch.jit  # untyped where PyTorch is installed, unknown where it is not
        try:
            self._module = jit.load(str(path), map_location=self._device).eval()
        except Exception as error:  # torch.jit raises RuntimeError, ValueError and classes of its own
            raise GeneratorInvalid(f"PyTorch cannot load {path.name} as TorchScript: {error}") from error
        self._order, self.inputs = _inputs(self._module, axes)

    def run(self, values: Feed, seed: int) -> NDArray[Any]:
        """Return the images of a batch; see ``Generator.run``."""
        arguments = {
            name: float(values[name]) if kind == "float" else torch.from_numpy(values[name]).to(self._device)
            for name, kind in self._order.items()
        }
        devices = [self._device] if self._device.type == "cuda" else []
        try:
            # A scripted StyleGAN may draw its noise itself: the same numbers for the same batch.
            with torch.random.fork_rng(devices), torch.inference_mode():
                torch.manual_seed(seed)
                images = self._module(**arguments)
        except RuntimeError as error:
            raise InferenceFailed(f"PyTorch failed on the generator: {error}") from error
        if not isinstance(images, torch.Tensor):
            raise GeneratorInvalid(f"The generator gives a {type(images).__name__}, not a tensor of images.")
        return np.asarray(images.float().cpu().numpy())


def _inputs(module: Any, axes: Axes) -> tuple[dict[str, str], list[Input]]:
    """Return the arguments of ``forward`` that are given, by their type, and what they take.

    Arguments with a default keep it (noise_mode, force_fp32), but for the truncation and a label of known size.
    """
    sizes = {
        InputRole.LATENT: getattr(module, "z_dim", None) if axes.latent is None else axes.latent,
        InputRole.LABEL: getattr(module, "c_dim", None) if axes.classes is None else axes.classes,
    }
    arguments = [
        item
        for item in module.forward.schema.arguments
        if item.name != "self" and (not item.has_default_value() or _is_given(role_of(item.name), sizes))
    ]
    kinds = {item.name: str(item.type) for item in arguments}
    found = []
    for name, role in roles(list(kinds)).items():
        if role is InputRole.PSI and kinds[name] == "float":
            found.append(Input(name, role, ()))
            continue
        if kinds[name] not in _TENSORS:
            raise GeneratorInvalid(f"The generator's argument {name} is a {kinds[name]}, not a tensor.")
        size = 1 if role is InputRole.PSI else sizes.get(role)
        if size is None:
            raise GeneratorInvalid(f"The TorchScript file does not say the size of {name}{_REMEDY[role]}.")
        found.append(Input(name, role, (None, int(size))))
    return kinds, found


def _is_given(role: InputRole, sizes: dict[InputRole, int | None]) -> bool:
    return role is InputRole.PSI or (role is InputRole.LABEL and sizes[InputRole.LABEL] is not None)
