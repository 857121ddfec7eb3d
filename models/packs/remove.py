"""``models remove``: an installed pack is deleted."""

from models.packs.shipped import shipped_names
from models.packs.store import PackStore
from service.errors import PackNotFound


def remove_pack(store: PackStore, name: str) -> None:
    """Delete an installed pack, a damaged one too; whoever has it loaded goes on with it.

    Raises:
        PackNotFound: if it is not installed.
        PackStoreBusy, PackStoreUnusable: as they say.
    """
    folder = store.folder(name)
    if not folder.is_dir():
        installed = ", ".join(store.names()) or "none"
        more = " It can be pulled, and was not." if name in shipped_names() else ""
        raise PackNotFound(f"The model pack {name} is not installed; there is {installed}.{more}")
    with store.changing():
        store.discard(name)
