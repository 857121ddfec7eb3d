"""The default pack's networks run without subnormal values, which cost many times the time on some processors."""

import numpy as np
import onnx
import pytest
from subnormals import subnormal_activations, subnormal_weights

from models.packs.photographs import real_inputs
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import InstalledPack, NetworkRole, Preprocessing

pytestmark = pytest.mark.weights
ROLES = ("detector", "landmarks", "backbone")


@pytest.fixture(scope="module")
def photographs(pack: InstalledPack) -> dict[NetworkRole, np.ndarray]:
    return real_inputs(
        pack.manifest,
        {role: OnnxSession(path, Placement()).run for role, path in pack.files.items() if role != "backbone"},
    )


def blank(feeding: Preprocessing, level: np.ndarray | float) -> np.ndarray:
    channels = 1 if feeding.colour == "grey" else 3
    pixels = np.broadcast_to(level, (channels, feeding.height, feeding.width))
    mean, scale = (np.reshape(value, (-1, 1, 1)) for value in (feeding.mean, feeding.scale))
    return ((pixels - mean) / scale).astype(np.float32)


@pytest.mark.parametrize("role", ROLES)
def test_installed_network_has_no_subnormal_weights(pack: InstalledPack, role: NetworkRole) -> None:
    assert subnormal_weights(onnx.load(pack.files[role])) == 0, "run `ida-verify models pull --force`"


@pytest.mark.parametrize("role", ROLES)
def test_no_value_on_the_way_is_subnormal(
    pack: InstalledPack, role: NetworkRole, photographs: dict[NetworkRole, np.ndarray]
) -> None:
    feeding = pack.manifest.by_role[role].preprocessing
    random = np.random.default_rng(0)
    size = (1 if feeding.colour == "grey" else 3, feeding.height, feeding.width)
    inputs = [
        *photographs[role][:3],
        *[blank(feeding, level) for level in (0, 127, 127.5, 255)],
        blank(feeding, random.integers(0, 256, size=size)),
    ]
    found = subnormal_activations(onnx.load(pack.files[role]), np.stack(inputs))
    assert found == {}, "run `ida-verify models pull --force`"


def test_receipt_says_how_many_weights_were_flushed(pack: InstalledPack) -> None:
    # SFace has none that are too small; test_shipped_packs.py has a backbone that does.
    assert {role: entry.flushed for role, entry in pack.receipt.files.items()} == dict.fromkeys(ROLES, 0)
