"""The locks that image, README and CI install from: whole, true to pyproject.toml and each other, every file named."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))


def load_script():
    spec = importlib.util.spec_from_file_location("renew_locks", REPOSITORY / "deploy" / "renew_locks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RENEW = load_script()
NAMES = list(RENEW.EXTRAS)


def entries(name: str) -> list[str]:
    """The entries of a lock, each with its digests."""
    text = (RENEW.LOCKS / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def locked(name: str) -> dict[str, list[Version]]:
    """The versions of each package in a lock; several where they depend on the platform or the Python."""
    found: dict[str, list[Version]] = {}
    for entry in entries(name):
        requirement = Requirement(entry.partition(" --hash")[0])
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        found.setdefault(canonicalize_name(requirement.name), []).append(Version(pin.version))
    return found


def asked(name: str) -> Iterator[Requirement]:
    """What pyproject.toml asks for where a lock is used."""
    if not RENEW.EXTRAS[name]:
        texts = [*PROJECT["dependency-groups"]["build"], *PROJECT["build-system"]["requires"]]
    else:
        extras = PROJECT["project"]["optional-dependencies"]
        texts = [*PROJECT["project"]["dependencies"], *(text for extra in RENEW.EXTRAS[name] for text in extras[extra])]
    for text in texts:
        requirement = Requirement(text)
        if not ("train" in RENEW.EXTRAS[name] and requirement.name in RENEW.UNLOCKED):
            yield requirement


@pytest.mark.parametrize("name", NAMES)
def test_lock_has_what_pyproject_asks_for_in_a_version_that_it_takes(name: str) -> None:
    found = locked(name)
    for requirement in asked(name):
        versions = found.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement} is not in {name}: run `python deploy/renew_locks.py`"
        assert all(version in requirement.specifier for version in versions), (
            f"{name} has {requirement.name} {versions}"
        )


def test_every_extra_is_in_a_lock() -> None:
    covered = {extra for extras in RENEW.EXTRAS.values() for extra in extras}
    assert covered == set(PROJECT["project"]["optional-dependencies"])
    assert {path.stem for path in RENEW.LOCKS.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_names_its_files_by_digest_and_nothing_else(name: str) -> None:
    for entry in entries(name):
        requirement, *digests = entry.split(" --hash=")
        assert digests, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in digests), entry
        # No index, no other place, no local build.
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*(\[[a-z,_-]+\])?==[0-9][0-9a-z.!]*( ; .+)?", requirement.strip()), (
            entry
        )


def test_what_is_tested_is_what_is_shipped() -> None:
    tested = locked("cpu-dev")
    for name in NAMES:
        differing = {
            package: (tested[package], versions)
            for package, versions in locked(name).items()
            if package in tested and not set(versions) <= set(tested[package])
        }
        assert differing == {}, name


def test_image_takes_only_what_a_lock_names() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    commands = [
        command
        for line in re.findall(r"^RUN (.+)$", dockerfile, re.MULTILINE)
        for command in line.split("&&")
        if re.search(r"\bpip (install|wheel)\b", command)
    ]
    assert len(commands) == 4
    # Either what a lock names, or the project itself, for which pip asks no index.
    assert all({"--require-hashes", "-r"} <= set(line.split()) or "--no-index" in line for line in commands)
    assert all((RENEW.LOCKS / f"{variant}.txt").is_file() for variant in ("cpu", "gpu", "build"))


def test_readme_installs_from_locks_that_exist() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    named = re.findall(r"--require-hashes -r deploy/locks/([\w-]+)\.txt", readme)
    assert {"cpu", "cpu-dev", "cpu-dev-train", "cpu-dev-ray"} <= set(named) <= set(NAMES)


def test_installed_package_tells_its_licence(tmp_path: Path) -> None:
    wheels, target = tmp_path / "wheels", tmp_path / "target"
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels), str(REPOSITORY)]
    pip(*build)
    pip("install", "--no-deps", "--no-index", "--target", str(target), *map(str, wheels.glob("*.whl")))
    metadata = next(target.glob("ida_verify-*.dist-info/METADATA")).read_text("utf-8")
    assert "\nLicense-Expression: MIT\n" in metadata
    shown = pip("show", "--files", "ida-verify", PYTHONPATH=str(target))
    if Version(version("pip")) >= Version("25.0"):  # an earlier one knows no licence expressions
        assert re.search(r"^License-Expression: MIT$", shown, re.MULTILINE)
    assert re.search(r"dist-info/licenses/service/LICENSE$", shown, re.MULTILINE)
    licence = next(target.glob("ida_verify-*.dist-info/licenses/service/LICENSE")).read_text("utf-8")
    assert licence.startswith("MIT License")


def pip(*arguments: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
