"""From a folder or a URL, as the settings name it, to the objects there."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import from_url

from service.errors import StoreInvalid
from service.redaction import redacted
from service.store.objects import Objects, first_line

# A store that is away must be found out before a caller gives up; its own retries would go on for minutes.
_CLIENT: Any = {"timeout": "4s", "connect_timeout": "2s", "allow_http": True}
# A part of a bundle may have a gigabyte.
_BULK_CLIENT: Any = {**_CLIENT, "timeout": "900s"}
_RETRY: Any = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=4),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
_SCHEMES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "https", "http")


def open_objects(location: str, *, is_made: bool = True) -> Objects:
    """Return the objects at a folder or a URL; nothing is read or made yet.

    Args:
        location: the folder or the URL.
        is_made: whether a folder that is not there is an empty store, and made by the first write.

    Raises:
        StoreInvalid: if it is neither, or its settings cannot be used.
    """
    scheme = location.partition("://")[0].lower() if "://" in location else ""
    if not scheme and location.partition(":")[0].lower() in _SCHEMES:
        scheme = location.partition(":")[0]
        raise StoreInvalid(f"IDA_STORE begins with {scheme}: and not with {scheme}://, as a URL does.")
    if scheme in ("", "file"):
        folder = Path(location.removeprefix("file://")).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise StoreInvalid(f"IDA_STORE is {location}, which is no folder.")
        return Objects(str(folder), folder=folder, is_made=is_made)
    if scheme not in _SCHEMES:
        raise StoreInvalid(
            f"IDA_STORE is {redacted(location)}: give a folder, or a URL that starts with s3://, gs:// or az://."
        )
    try:
        store, bulk = (
            from_url(location, client_options=client, retry_config=_RETRY) for client in (_CLIENT, _BULK_CLIENT)
        )
    except (BaseError, ValueError, TypeError) as error:
        raise StoreInvalid(f"IDA_STORE: {redacted(location)} cannot be opened ({first_line(error)}).") from error
    return Objects(redacted(location).partition("?")[0], store, bulk)
