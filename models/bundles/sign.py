"""Signing a bundle that lies in a folder."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.bundle.bundle_manifest import SIGNATURE_NAME, bundle_id_of
from service.bundle.reader import manifest_content, read_manifest
from service.bundle.signature import sign_manifest
from service.errors import BundleExists, BundleNotWritten
from service.store.layout import check_part


def sign_bundle(folder: Path, key: Ed25519PrivateKey, *, force: bool = False) -> str:
    """Check that every part is what the manifest says, write the signature beside them, and return the bundle_id.

    Args:
        folder: the bundle.
        key: signs it.
        force: whether a signature that is there is replaced.

    Raises:
        BundleInvalid: if there is no bundle, or a part is not what the manifest says.
        BundleExists: if it is signed already.
        BundleNotWritten: if the folder cannot be written.
    """
    content = manifest_content(folder)
    for part in read_manifest(folder).parts.values():
        check_part(folder / part.file, part)
    place = folder / SIGNATURE_NAME
    if place.exists() and not force:
        raise BundleExists(f"{place} is there already. Replace it with --force.")
    beside = place.with_name(f".{SIGNATURE_NAME}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            file.write(sign_manifest(content, key).model_dump_json(indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BundleNotWritten(f"{place} cannot be written: {error.strerror or error}.") from error
    return bundle_id_of(content)
