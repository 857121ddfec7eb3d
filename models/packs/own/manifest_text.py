"""The text of a ``pack.toml``: of sections, with comments for whoever reads or changes it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from service.pack import MANIFEST_NAME, Preprocessing, file_sha256, parse_manifest

_CONTROL = {"\x7f": "\\u007f"}


@dataclass(frozen=True, slots=True)
class NetworkSection:
    """One network of a manifest.

    Attributes:
        name: ``detector``, ``landmarks`` or ``backbone``.
        path: its file, whose digest and size are stated.
        file: the file's name in the pack.
        licence: its licence.
        output: what its outputs mean, in words.
        preprocessing: how it is fed.
        fields: further fields, such as the adapter.
        notes: comments above how it is fed.
    """

    name: str
    path: Path
    file: str
    licence: str
    output: str
    preprocessing: Preprocessing
    fields: tuple[tuple[str, str | int | float], ...] = ()
    notes: tuple[str, ...] = ()


def manifest_text(
    name: str,
    description: str,
    sections: Sequence[NetworkSection],
    *,
    face: Mapping[str, float] = MappingProxyType({}),
    notes: Sequence[str] = (),
) -> str:
    """Return the text of a manifest.

    Args:
        name: of the pack.
        description: of the pack, in a line.
        sections: its networks.
        face: what its networks must say of a face, where something is asked.
        notes: comments at the top.

    Raises:
        PackInvalid: if no manifest can say this, such as a name with spaces.
        OSError: if a file cannot be read.
    """
    lines = [*(f"# {note}" for note in notes), "format = 1", f"name = {_value(name)}"]
    lines.append(f"description = {_value(description)}")
    for section in sections:
        size = section.path.stat().st_size
        facts = [("file", section.file), ("sha256", file_sha256(section.path)), ("bytes", size)]
        facts += [("licence", section.licence), *section.fields, ("output", section.output)]
        lines += ["", f"[{section.name}]", *(f"{key} = {_value(value)}" for key, value in facts)]
        lines += [f"# {note}" for note in section.notes]
        fed = section.preprocessing.model_dump()
        pairs = ", ".join(f"{key} = {_value(value)}" for key, value in fed.items())
        lines.append(f"preprocessing = {{ {pairs} }}")
    if face:
        lines += ["", "[face]", *(f"{key} = {_value(value)}" for key, value in face.items())]
    text = "\n".join(lines) + "\n"
    parse_manifest(text.encode("utf-8"), where=f"The {MANIFEST_NAME} that would be written")
    return text


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but for DEL.
        return "".join(_CONTROL.get(letter, letter) for letter in json.dumps(value, ensure_ascii=False))
    return json.dumps(value)


def pack_name_of(text: str) -> str:
    """Return the name of a pack that is nearest to a file's or a folder's: small letters, digits and ``. _ -``."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in text)
    name = kept.lower().strip("._-")[:64]
    return name or f"pack-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
