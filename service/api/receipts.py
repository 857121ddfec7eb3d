"""Receipts: an answer signed by the service's key, so that years later it can be told from one that was changed.

What is signed is the answer in a canonical form (RFC 8785), so whatever writes JSON may store it: the order of the
fields, spaces and the form of the numbers do not matter. The embeddings are signed by their digests alone, and may be
kept elsewhere, or not at all.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from service.api.wire.receipt_wire import DigestAnswer, DigestsAnswer, ReceiptAnswer
from service.api.wire.verify_wire import BasicVerifyAnswer, VerifyAnswer
from service.arrays import Floats
from service.bundle.signature import key_id_of
from service.errors import SettingsInvalid
from service.settings import Settings
from service.verifier import Verification
from service.verifier.results import ScoredEmbedding

# Signed before the answer, so that no signature of ours can be one of anything else.
_CONTEXT = b"ida-verify answer 1\n"
_KEY_BYTES_LIMIT = 64 * 1024
_TEXT = json.JSONEncoder(ensure_ascii=False)
# Of numbers that Python writes without an exponent.
_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e16
# ECMAScript writes numbers from here on with an exponent.
_MOST_DIGITS = 21
_LEAST_POINT = -6


class ReceiptSigner:
    """Signs answers. Safe to use from several threads.

    Attributes:
        key_id: of the public key: 16 hex digits of the sha256 of its 32 bytes.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id_of(key.public_key())

    def sign(self, answer: VerifyAnswer | BasicVerifyAnswer, result: Verification) -> None:
        """Put a receipt into an answer that is complete but for it."""
        probe, references = result.embeddings
        listed = [None if one is None else digest_of(one) for one in references]
        digests = DigestsAnswer(probe=digest_of(probe), reference=listed if result.template is not None else listed[0])
        answer.receipt = ReceiptAnswer(key_id=self.key_id, embeddings=digests, signature="")
        signature = self._key.sign(signed_form(answer.model_dump(mode="json", exclude={"embeddings"})))
        answer.receipt.signature = base64.b64encode(signature).decode()


def digest_of(embedding: ScoredEmbedding) -> DigestAnswer:
    """Return what a receipt says of an embedding."""
    norm = None if embedding.norm is None else float(f"{embedding.norm:.9g}")
    return DigestAnswer(sha256=embedding_sha256(embedding.values), norm=norm)


def embedding_sha256(values: Floats) -> str:
    """Return the digest of an embedding (d,) of unit norm: of its values as little-endian float32."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f4").tobytes()).hexdigest()


def signed_form(answer: Mapping[str, object]) -> bytes:
    """Return what is signed of an answer: all of it but its embeddings, and the signature itself.

    Args:
        answer: the document, with a receipt; its signature may be there or not.
    """
    receipt = answer["receipt"]
    assert isinstance(receipt, Mapping)  # noqa: S101  (whoever calls has looked)
    bare = {name: value for name, value in receipt.items() if name != "signature"}
    rest = {name: value for name, value in answer.items() if name != "embeddings"}
    return _CONTEXT + canonical({**rest, "receipt": bare}).encode()


def receipt_holds(answer: Mapping[str, object], key: Ed25519PublicKey) -> bool:
    """Return whether the signature of an answer with a receipt is that of a key."""
    receipt = answer["receipt"]
    assert isinstance(receipt, Mapping)  # noqa: S101
    try:
        key.verify(base64.b64decode(str(receipt["signature"])), signed_form(answer))
    except (InvalidSignature, binascii.Error):
        return False
    return True


def canonical(value: object) -> str:
    """Return a JSON value by RFC 8785: fields sorted, no spaces, numbers as ECMAScript writes them.

    Args:
        value: what a JSON parser gives, or what is given to a writer.

    Raises:
        ValueError: if it is none, or a number is not finite.
    """
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _TEXT.encode(value)
    if isinstance(value, dict):
        # Of ASCII the order by code points, which is ten times as fast, is that by UTF-16 code units.
        ordered = sorted(value) if "".join(value).isascii() else sorted(value, key=_by_code_units)
        return "{" + ",".join([f"{_TEXT.encode(name)}:{canonical(value[name])}" for name in ordered]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([canonical(child) for child in value]) + "]"
    if value is None or isinstance(value, bool | int):
        return _TEXT.encode(value)
    raise ValueError(f"{type(value).__name__} is no JSON")


def _by_code_units(name: str) -> bytes:
    return name.encode("utf-16-be")


def _number(value: float) -> str:
    """Return a number as ECMAScript's ``Number.prototype.toString`` does."""
    if _LEAST_PLAIN <= abs(value) < _MOST_PLAIN:
        # Here Python's shortest form is ECMAScript's, but for a whole number's ".0".
        return repr(value).removesuffix(".0")
    if value == 0:
        return "0"
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("a number is not finite")
    sign, text = "-" if value < 0 else "", "".join(map(str, digits))
    point = len(text) + exponent  # where the decimal point stands, counted from the first digit
    if len(text) <= point <= _MOST_DIGITS:
        return f"{sign}{text}{'0' * (point - len(text))}"
    if 0 < point <= _MOST_DIGITS:
        return f"{sign}{text[:point]}.{text[point:]}"
    if _LEAST_POINT < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
    return f"{sign}{mantissa}e{point - 1:+d}"


def load_receipt_signer(settings: Settings) -> ReceiptSigner | None:
    """Return what signs answers by the settings; None where they name no key.

    Raises:
        SettingsInvalid: if the key cannot be read, or is no ed25519 key.
    """
    file = settings.receipt_key_file
    return None if file is None else ReceiptSigner(_private_key(file))


def _private_key(file: Path) -> Ed25519PrivateKey:
    advice = "Make one with `ida-verify anchors keygen`, or unset the setting"
    try:
        with file.open("rb") as stream:
            content = stream.read(_KEY_BYTES_LIMIT)
    except OSError as error:
        raise SettingsInvalid(f"IDA_RECEIPT_KEY_FILE: {file} cannot be read ({error.strerror}). {advice}.") from error
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(
            f"IDA_RECEIPT_KEY_FILE: {file} is no private key in PEM form, or is locked by a password. {advice}."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsInvalid(f"IDA_RECEIPT_KEY_FILE: {file} is no ed25519 key. {advice}.")
    return key
