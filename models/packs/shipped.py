"""The manifests that this project ships: one folder a pack, found wherever the project is installed."""

from importlib.resources import files

from service.errors import PackNotFound
from service.pack import MANIFEST_NAME


def shipped_names() -> list[str]:
    """Return the names of the packs that ``ida-verify models pull`` knows, in order."""
    return sorted(folder.name for folder in files("models.packs").iterdir() if folder.joinpath(MANIFEST_NAME).is_file())


def shipped_manifest(name: str) -> bytes:
    """Return the bytes of the ``pack.toml`` of a shipped pack.

    Raises:
        PackNotFound: if no pack of this name is shipped.
    """
    if name not in shipped_names():
        raise PackNotFound(
            f"There is no model pack {name} to pull; there is {', '.join(shipped_names())}. A pack of your "
            "own is installed by `ida-verify models add FOLDER`."
        )
    return files("models.packs").joinpath(name, MANIFEST_NAME).read_bytes()
