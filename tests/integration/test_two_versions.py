"""Two versions on one store: the newer follows what the older wrote, the older what it knows, and both go back."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROGRAM = REPOSITORY / "tests" / "e2e" / "one_version.py"
FROZEN = REPOSITORY / "tests" / "frozen_store"
# Before calibrations had strata, and before there were networks of likelihoods.
EARLIER = "27f3db94b71a0f12accf4c29a21ced2b11177ea5"

pytestmark = pytest.mark.slow


class Version:
    """A process of one version of the code, with a store."""

    def __init__(self, root: Path, store: Path, home: Path) -> None:
        places = (root / "tests" / "unit" / "activation", root / "tests", root)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("IDA_", "PYTHON"))}
        environment |= {"PYTHONPATH": os.pathsep.join(map(str, places)), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, store, home],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def does(self, step: str) -> dict:
        """Return what a new replica serves and finds after a step."""
        self._process.stdin.write(f"{step}\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        assert told, "the process ended; what it says stands above"
        return json.loads(told)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture
def new(store: Path, tmp_path: Path) -> Iterator[Version]:
    version = Version(REPOSITORY, store, tmp_path / "new")
    yield version
    version.close()


@pytest.fixture
def old(earlier: Path, store: Path, tmp_path: Path) -> Iterator[Version]:
    version = Version(earlier, store, tmp_path / "old")
    yield version
    version.close()


def read(file: Path) -> dict:
    return json.loads(file.read_text("utf-8"))


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The earlier version's files, out of the history."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    command = ["git", "archive", EARLIER, "service", "models", "tests"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    if result.returncode != 0:
        pytest.skip("the history of this clone does not reach back to the earlier version")
    folder = tmp_path / "earlier"
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def test_store_of_an_earlier_version_is_followed_and_gone_back_in(new: Version, store: Path) -> None:
    shutil.copytree(FROZEN, store, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README.md"))
    before = {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}
    first, second = (read(FROZEN / "activations" / f"{number}.json")["bundle_id"] for number in (1, 2))
    points = read(FROZEN / "bundles" / second / "calibration.json")["methods"][0]["points"]

    followed = new.does("follow")

    assert (followed["bundle_id"], followed["generation"], followed["error_code"]) == (second, 2, None)
    assert followed["thresholds"] == [point["threshold"] for point in points]
    assert followed["reports"].keys() == {"frozen-0", "frozen-1", "new-0"}

    back = new.does("rollback")

    assert (back["bundle_id"], back["generation"]) == (first, 3)
    assert back["history"] == [[first, "rollback"], [second, "activate"], [first, "activate"]]
    assert {file: file.read_bytes() for file in before} == before, "nothing that an earlier version wrote is changed"


def test_two_versions_follow_one_store(old: Version, new: Version) -> None:
    by_old = old.does("calibrated")
    followed = new.does("follow")
    # The newer serves what the older activated, by the same thresholds.
    same = ("bundle_id", "generation", "thresholds")
    assert [followed[what] for what in same] == [by_old[what] for what in same]

    # The older serves what the newer activated, where there is nothing in it that it does not know.
    plain = new.does("plain")
    followed = old.does("follow")
    assert (followed["bundle_id"], followed["generation"], followed["error_code"]) == (plain["bundle_id"], 2, None)

    # What it does not know it refuses, stays on what it had, and says so where the newer reads it.
    by_new = new.does("calibrated")
    assert (by_new["generation"], by_new["error_code"]) == (3, None)
    refused = old.does("follow")
    assert (refused["bundle_id"], refused["generation"]) == (plain["bundle_id"], 2)
    assert refused["error_code"] == "bundle_invalid"
    assert new.does("follow")["reports"]["old-2"] == [2, "bundle_invalid"]

    # Either of them goes back for both.
    back = old.does("rollback")
    assert (back["bundle_id"], back["generation"], back["error_code"]) == (plain["bundle_id"], 4, None)
    followed = new.does("follow")
    assert (followed["bundle_id"], followed["generation"]) == (plain["bundle_id"], 4)
    assert [action for _, action in followed["history"]] == ["rollback", "activate", "activate", "activate"]
