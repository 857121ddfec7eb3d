"""Receiving a large body into a file, piece by piece."""

import errno
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from fastapi import Request

from service.api.upload_folder import UploadFolder
from service.errors import LocalCopyUnusable, StorageFull, UploadTooLarge

# A thread is asked once for this many bytes, not once for each packet.
_PIECE = 1 << 20


@asynccontextmanager
async def received(request: Request, uploads: UploadFolder, *, max_bytes: int) -> AsyncIterator[Path]:
    """Give the file that a request's body was written to; it is removed when the context is left.

    Raises:
        UploadTooLarge: if the body is larger than the limit.
        StorageFull: if the disk has no room.
        LocalCopyUnusable: if the folder cannot be written.
        ClientDisconnect: if the client went away.
    """
    path = await anyio.to_thread.run_sync(_new_file, uploads)
    try:
        await _write(request, path, max_bytes)
        yield path
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(partial(path.unlink, missing_ok=True))


async def discard(request: Request, *, max_bytes: int) -> None:
    """Read a body to its end and keep nothing, so that the client reads the answer.

    Raises:
        UploadTooLarge: if it is larger than the limit.
    """
    taken = 0
    async for piece in request.stream():
        taken += len(piece)
        _check(taken, max_bytes)


async def _write(request: Request, path: Path, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit():
        _check(int(announced), max_bytes)
    taken = 0
    waiting = bytearray()
    try:
        async with await anyio.open_file(path, "wb") as file:
            async for piece in request.stream():
                taken += len(piece)
                _check(taken, max_bytes)
                waiting += piece
                if len(waiting) >= _PIECE:
                    await file.write(bytes(waiting))
                    waiting.clear()
            await file.write(bytes(waiting))
    except OSError as error:
        # A client that is still sending would see a broken connection in the place of the reason.
        async for piece in request.stream():
            taken += len(piece)
            _check(taken, max_bytes)
        raise _failure(error, path.parents[1]) from error


def _check(taken: int, max_bytes: int) -> None:
    if taken > max_bytes:
        raise UploadTooLarge(
            f"The upload is larger than {max_bytes} bytes. Raise IDA_MAX_BUNDLE_BYTES, or send a smaller bundle."
        )


def _new_file(uploads: UploadFolder) -> Path:
    try:
        with tempfile.NamedTemporaryFile(dir=uploads.place(), prefix="upload-", delete=False) as file:
            return Path(file.name)
    except OSError as error:
        raise _failure(error, uploads.folder) from error


def _failure(error: OSError, folder: Path) -> StorageFull | LocalCopyUnusable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"The disk has no room for the upload in {folder}. Make room, and send it again.")
    return LocalCopyUnusable(
        f"The upload cannot be kept in {folder} ({error.strerror or error}). Set IDA_CACHE to a folder that can be "
        "written."
    )
