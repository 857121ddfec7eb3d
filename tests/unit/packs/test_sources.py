"""A file that the user gives is taken for the source that it is of, whatever the order and the name."""

from pathlib import Path

import pytest
import tiny_packs

from models.packs.sources.registry_client import file_digest
from models.packs.sources.source_kinds import match
from models.tool_errors import PackSourceUnavailable
from service.pack import NpmSource, PackSource, PypiSource


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    return tiny_packs.write_tarball(tmp_path / "any name", {"package/a": b"a"})


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return tiny_packs.write_wheel(tmp_path / "another name", {"a": b"a"})


def npm_source(package: str, sha256: str = "0" * 64) -> NpmSource:
    return NpmSource(registry="npm", package=package, version="1.2.3", sha256=sha256, licence="MIT")


def pypi_source(sha256: str = "0" * 64) -> PypiSource:
    return PypiSource(
        registry="pypi", package="tiny-onet", version="4.5.6", file=tiny_packs.WHEEL, sha256=sha256, licence="MIT"
    )


def matched(given: list[Path], sources: dict[str, PackSource]) -> dict[str, Path]:
    return {key: package.path for key, package in match(given, sources).items()}


def test_published_files_are_told_by_their_digest_in_any_order(tarball: Path, wheel: Path) -> None:
    sources: dict[str, PackSource] = {
        "n": npm_source("tiny", file_digest(tarball)),
        "p": pypi_source(file_digest(wheel)),
    }
    expected = {"n": tarball, "p": wheel}
    assert matched([tarball, wheel], sources) == matched([wheel, tarball], sources) == expected


def test_repacked_files_are_told_by_their_kind(tarball: Path, wheel: Path) -> None:
    assert matched([wheel, tarball], {"n": npm_source("tiny"), "p": pypi_source()}) == {"n": tarball, "p": wheel}


def test_one_of_two_packages_may_be_given(wheel: Path) -> None:
    assert matched([wheel], {"n": npm_source("tiny"), "p": pypi_source()}) == {"p": wheel}


def test_repacked_tarballs_of_two_packages_are_told_by_their_names(tmp_path: Path) -> None:
    one = tiny_packs.write_tarball(tmp_path / "tiny-1.2.3.tgz", {"package/a": b"a"})
    other = tiny_packs.write_tarball(tmp_path / "scope-other-1.2.3.tgz", {"package/b": b"b"})
    sources: dict[str, PackSource] = {"one": npm_source("tiny"), "other": npm_source("@scope/other")}
    assert matched([other, one], sources) == {"one": one, "other": other}


def test_repacked_tarball_of_an_unknown_name_among_two_is_refused(tarball: Path) -> None:
    with pytest.raises(PackSourceUnavailable, match=r"none of the packages.*tiny@1\.2\.3, other@1\.2\.3"):
        matched([tarball], {"one": npm_source("tiny"), "other": npm_source("other")})


def test_file_of_a_kind_that_is_not_needed_is_refused(wheel: Path) -> None:
    with pytest.raises(PackSourceUnavailable, match="none of the packages"):
        matched([wheel], {"n": npm_source("tiny")})


def test_package_given_twice_is_refused(wheel: Path) -> None:
    for digest in ("0" * 64, file_digest(wheel)):
        with pytest.raises(PackSourceUnavailable, match="each once"):
            matched([wheel, wheel], {"p": pypi_source(digest)})


def test_file_that_is_not_there_says_which_path_to_give(tmp_path: Path) -> None:
    with pytest.raises(PackSourceUnavailable, match="npm pack"):
        matched([tmp_path / "none.tgz"], {"n": npm_source("tiny")})
