"""What a generator takes: which of its inputs is the latent, the label, the truncation and the noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import DTypeLike

from models.tool_errors import GeneratorInvalid

_LABELS = frozenset({"c", "label", "labels", "class", "classes", "class_idx", "y"})
_TRUNCATIONS = frozenset({"psi", "truncation", "truncation_psi"})
_NOISE = "noise"


class InputRole(Enum):
    """What an input is for."""

    LATENT = "latent"
    LABEL = "label"
    PSI = "psi"
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a generator.

    Attributes:
        name: its name in the file.
        role: what it is for.
        shape: its shape; None for the axis of the images of a batch.
        dtype: the type of its values.
    """

    name: str
    role: InputRole
    shape: tuple[int | None, ...]
    dtype: DTypeLike = np.float32


@dataclass(frozen=True, slots=True)
class Axes:
    """Sizes that a generator's file may leave open.

    Attributes:
        latent: values of one latent; None to take the file's.
        classes: number of classes of the label; None to take the file's.
    """

    latent: int | None = None
    classes: int | None = None


def roles(names: Sequence[str]) -> dict[str, InputRole]:
    """Return the role of each input by its name.

    Args:
        names: the inputs' names. ``c``, ``label``, ``class`` and ``y`` are labels; ``psi`` and ``truncation_psi`` the
            truncation; what starts with ``noise`` is noise; the one that is left is the latent.

    Raises:
        GeneratorInvalid: if not exactly one is left for the latent.
    """
    found = {name: role_of(name) for name in names}
    latents = [name for name, role in found.items() if role is InputRole.LATENT]
    if not latents and list(found.values()).count(InputRole.NOISE) == 1:
        # Many small generators call their only latent "noise".
        latents = [name for name, role in found.items() if role is InputRole.NOISE]
        found[latents[0]] = InputRole.LATENT
    if len(latents) != 1:
        raise GeneratorInvalid(
            f"The generator's inputs are {', '.join(names) or 'none'}, and it must have one latent: export it with the "
            "inputs z, and where it has them c (label), psi (truncation) and noise... (one name for each)."
        )
    return found


def role_of(name: str) -> InputRole:
    """Return what an input of this name is for, the latent where the name says nothing."""
    lower = name.lower()
    if lower in _LABELS:
        return InputRole.LABEL
    if lower in _TRUNCATIONS:
        return InputRole.PSI
    return InputRole.NOISE if lower.startswith(_NOISE) else InputRole.LATENT
