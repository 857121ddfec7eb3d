"""Keys that sign bundles, for tests."""

from pathlib import Path

from models.bundles.keys import make_keys, read_private_key
from models.bundles.sign import sign_bundle


def make_signer(folder: Path, name: str, *, trusted: Path | None = None):
    """Make a pair of keys; the public one is put where trusted ones lie, if it is to be. Return what signs a bundle."""
    make_keys(folder / name)
    if trusted is not None:
        trusted.mkdir(exist_ok=True)
        (trusted / f"{name}.pub").write_bytes((folder / f"{name}.pub").read_bytes())
    key = read_private_key(folder / f"{name}.key")
    return lambda bundle: sign_bundle(bundle, key, force=True)
