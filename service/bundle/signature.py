"""Signatures of bundles: who vouches for one, by a key that the service was told to trust.

A signature lies beside the parts, in ``signature.json``, and is no part of the bundle: the bundle_id stays what it was.
It signs the digest of the manifest, which holds the digest of every part.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import BaseModel, ConfigDict, StringConstraints

from service.bundle.bundle_manifest import SIGNATURE_NAME, Id
from service.documents import Limits, Unreadable, parse_document
from service.errors import BundleNotTrusted, SettingsInvalid
from service.pack.pack_manifest import Sha256

SIGNATURE_BYTES_LIMIT = 4096
PUBLIC_SUFFIX = ".pub"
SIGNER_NAME = r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}"
"""Form of a signer's name, which is that of the file of his key."""

_LIMITS = Limits(SIGNATURE_BYTES_LIMIT, max_objects=1, max_arrays=0, max_values=16)
_MOST_KEYS = 1000
_KEY_BYTES_LIMIT = 4096
# Signed before the digest, so that no signature of ours can be one of anything else.
_CONTEXT = b"ida-verify bundle 1\n"


class Signature(BaseModel):
    """What ``signature.json`` says.

    Attributes:
        format: version of this document's form.
        algorithm: of the key.
        manifest_sha256: digest of the manifest that is signed.
        key_id: 16 hex digits of the sha256 of the public key.
        signature: the signature in base64, of 64 bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    manifest_sha256: Sha256
    key_id: Id
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a bundle.

    Attributes:
        name: of the key's file.
        key_id: of the key.
    """

    name: str
    key_id: str


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return the id of a public key: 16 hex digits of the sha256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def sign_manifest(content: bytes, key: Ed25519PrivateKey) -> Signature:
    """Return the signature of the bundle whose ``manifest.json`` has this content."""
    digest = hashlib.sha256(content).hexdigest()
    signed = key.sign(_CONTEXT + digest.encode())
    return Signature(
        manifest_sha256=digest,
        key_id=key_id_of(key.public_key()),
        signature=base64.b64encode(signed).decode(),
    )


def parse_signature(content: bytes) -> Signature:
    """Read the content of a ``signature.json``; whether the signature holds is not looked at.

    Raises:
        BundleNotTrusted: if it is none.
    """
    try:
        return parse_document(Signature, content, _LIMITS)
    except Unreadable as error:
        raise BundleNotTrusted(
            f"The bundle's {SIGNATURE_NAME} cannot be read: {error}. Sign the bundle again with "
            "`ida-verify anchors sign`."
        ) from error


def read_signature(folder: Path) -> bytes | None:
    """Return the content of the signature in a bundle's folder; None where there is none.

    Raises:
        BundleNotTrusted: if it cannot be read.
    """
    try:
        with (folder / SIGNATURE_NAME).open("rb") as stream:
            return stream.read(SIGNATURE_BYTES_LIMIT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleNotTrusted(f"{folder / SIGNATURE_NAME} cannot be read ({error.strerror}).") from error


class TrustedKeys:
    """The public keys whose signatures are taken, by their ids. Never changes; safe from several threads."""

    def __init__(self, keys: dict[str, tuple[str, Ed25519PublicKey]], trusted: frozenset[str] = frozenset()) -> None:
        """Take keys.

        Args:
            keys: by key id, the signer's name and the key.
            trusted: digests of manifests that need no signature.
        """
        self._keys = keys
        self._trusted = trusted

    def verify(self, manifest: bytes, signature: bytes | None) -> Signer | None:
        """Return who signed a bundle; None where it is one that needs no signature, and has none.

        Args:
            manifest: the content of its manifest.
            signature: the content of its signature; None where there is none.

        Raises:
            BundleNotTrusted: if it is unsigned, signed by another key, or the signature does not hold.
        """
        digest = hashlib.sha256(manifest).hexdigest()
        bundle_id = digest[:16]
        if signature is None:
            if digest in self._trusted:
                return None
            raise BundleNotTrusted(
                f"The bundle {bundle_id} is not signed, and only signed ones are taken here (IDA_BUNDLE_KEYS). Sign it "
                "with `ida-verify anchors sign`, and push it again."
            )
        found = parse_signature(signature)
        name, key = self._keys.get(found.key_id, (None, None))
        if name is None or key is None:
            if digest in self._trusted:
                return None
            raise BundleNotTrusted(
                f"The bundle {bundle_id} is signed by the key {found.key_id}, which is none of those that are trusted "
                f"here ({', '.join(sorted(self._keys))}). Add its public key to IDA_BUNDLE_KEYS, or sign the bundle "
                "with a trusted one."
            )
        try:
            key.verify(base64.b64decode(found.signature), _CONTEXT + digest.encode())
        except (InvalidSignature, binascii.Error) as error:
            raise BundleNotTrusted(
                f"The signature of the bundle {bundle_id} does not hold: it is of another manifest, or damaged. "
                "Sign the bundle again with `ida-verify anchors sign`."
            ) from error
        return Signer(name, found.key_id)


def load_trusted_keys(path: Path, trusted: frozenset[str] = frozenset()) -> TrustedKeys:
    """Read the public keys of a file, or of every ``.pub`` file in a folder; a signer is called as the file is.

    Args:
        path: the file or the folder.
        trusted: digests of manifests that need no signature.

    Raises:
        SettingsInvalid: if there is no key, or one cannot be read.
    """
    try:
        files = sorted(path.glob(f"*{PUBLIC_SUFFIX}")) if path.is_dir() else [path]
        contents = [(file, _content(file)) for file in files[: _MOST_KEYS + 1]]
    except OSError as error:
        raise SettingsInvalid(f"IDA_BUNDLE_KEYS: {path} cannot be read ({error.strerror}).") from error
    if not 0 < len(contents) <= _MOST_KEYS:
        raise SettingsInvalid(
            f"IDA_BUNDLE_KEYS: {path} has {'no' if not contents else 'too many'} public keys. Put the {PUBLIC_SUFFIX} "
            "files of `ida-verify anchors keygen` there, or remove the setting."
        )
    keys: dict[str, tuple[str, Ed25519PublicKey]] = {}
    for file, content in contents:
        key = _public_key(file, content)
        keys[key_id_of(key)] = (file.stem, key)
    return TrustedKeys(keys, trusted)


def _content(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_KEY_BYTES_LIMIT + 1)


def _public_key(file: Path, content: bytes) -> Ed25519PublicKey:
    if b"PRIVATE KEY" in content:
        raise SettingsInvalid(
            f"IDA_BUNDLE_KEYS: {file} is a private key, which belongs with who signs. Give its {PUBLIC_SUFFIX} file."
        )
    if not re.fullmatch(SIGNER_NAME, file.stem):
        raise SettingsInvalid(f"IDA_BUNDLE_KEYS: {file} has no usable name for a signer.")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(f"IDA_BUNDLE_KEYS: {file} is no public key in PEM form.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsInvalid(f"IDA_BUNDLE_KEYS: {file} is no ed25519 key. Make one with `ida-verify anchors keygen`.")
    return key
