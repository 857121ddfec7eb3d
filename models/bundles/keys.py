"""Pairs of ed25519 keys, in PEM form."""

import os
import re
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from models.tool_errors import KeyUnusable
from service.bundle.signature import PUBLIC_SUFFIX, SIGNER_NAME, key_id_of

PRIVATE_SUFFIX = ".key"

_LONGEST_FILE = 64 * 1024
_OWN = stat.S_IRUSR | stat.S_IWUSR


def make_keys(name: Path) -> str:
    """Write a new pair of keys beside each other, and return the public key's id.

    Args:
        name: folder and name; ``.key`` (mode 0600) and ``.pub`` are appended. Neither may be there.

    Raises:
        KeyUnusable: if one is there, the name is no signer's, or they cannot be written; then neither is left.
    """
    if not re.fullmatch(SIGNER_NAME, name.name):
        raise KeyUnusable(f"{name.name!r} cannot be a signer's name: take letters, digits, and . _ @ - (64 at most).")
    private, public = (name.with_name(name.name + suffix) for suffix in (PRIVATE_SUFFIX, PUBLIC_SUFFIX))
    key = Ed25519PrivateKey.generate()
    written: list[Path] = []
    try:
        for path, mode, content in (
            (private, _OWN, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
            (public, 0o644, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
        ):
            # Nobody else may open it, not even between its making and a change of its mode.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise KeyUnusable(
            f"{error.filename or name} cannot be written ({error.strerror}). Keys are never written over: "
            "choose another name or folder."
        ) from error
    return key_id_of(key.public_key())


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        KeyUnusable: if it cannot be read, is no ed25519 key in PEM form, or others may read it.
    """
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(_LONGEST_FILE)
    except OSError as error:
        raise KeyUnusable(f"{file} cannot be read ({error.strerror}).") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(f"{file} can be read by others: take their rights away with `chmod 600 {file}`.")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            f"{file} is no private key in PEM form, or is locked by a password. Make one with "
            "`ida-verify anchors keygen`."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{file} is no ed25519 key. Make one with `ida-verify anchors keygen`.")
    return key
