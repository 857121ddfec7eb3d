"""What tests of every tier share: photographs that packages carry, the default pack, the development faces.

``IDA_REQUIRE_SYSTEM=1`` says that the system programs and the default pack were installed, so that a test which skips
for want of one fails.
"""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import matplotlib.cbook
import pytest
from PIL import Image
from skimage import data

from service.errors import PackNotFound
from service.pack import InstalledLiveness, InstalledPack, installed_liveness, load_pack
from service.settings import DEFAULT_PACK, load_settings

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
_NEVER_SKIPPED_WHEN_REQUIRED = ("system", "weights")

# What computes side by side, unless it is told how many threads to take: NumPy, faiss, OpenCV.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
# Folders whose files take longest come first, or one process works alone at the end.
_TIERS = ("integration", "contract", "unit")

hypothesis.settings.register_profile("quick", max_examples=20)


def pytest_configure() -> None:
    """Keep the libraries of the processes that tests run in, and of those that tests start, to one thread each.

    The processes take the variables over from this one: with more threads they would take turns on the CPUs.
    """
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with long tests first, then the others by tier; what is alike stays shuffled."""
    long = {item.path for item in items if item.get_closest_marker("long")}

    def rank(item: pytest.Item) -> tuple[bool, int]:
        folder = item.path.relative_to(TESTS).parts[0]
        return item.path not in long, _TIERS.index(folder) if folder in _TIERS else 0

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if (
        report.skipped
        # A test that is expected to fail, and does, was not left out.
        and not hasattr(report, "wasxfail")
        and os.environ.get("IDA_REQUIRE_SYSTEM") == "1"
        and any(item.get_closest_marker(marker) for marker in _NEVER_SKIPPED_WHEN_REQUIRED)
        # The extras `train` and `ray`, and a GPU, are not part of the test line; development faces are never required.
        and not any(item.get_closest_marker(marker) for marker in ("train", "ray", "gpu", "faces", "cases"))
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: IDA_REQUIRE_SYSTEM=1 forbids this skip: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_forced_to_the_disk() -> Iterator[None]:
    """No machine is switched off amid a test, and waiting for the disk takes a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], str]:
    """Give the path of a system program, or skip and say what is missing."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"the program {name} is not installed")
        return path

    return find


@pytest.fixture(scope="session")
def faces_dir() -> Path:
    """The folder of development faces."""
    folder = Path(os.environ.get("IDA_FACES_DIR") or REPOSITORY.parent / "shared" / "faces")
    if not folder.is_dir():
        pytest.skip("the development faces are absent: set IDA_FACES_DIR to their folder")
    return folder


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """The folder of pictures with the answers that they should get."""
    folder = Path(os.environ.get("IDA_CASES_DIR") or REPOSITORY.parent / "shared" / "cases")
    if not folder.is_dir():
        pytest.skip("the pictures of known cases are absent: set IDA_CASES_DIR to their folder")
    return folder


@pytest.fixture(scope="session")
def pack() -> InstalledPack:
    """The default model pack, as installed in the data folder."""
    try:
        return load_pack(load_settings().home, DEFAULT_PACK)
    except PackNotFound as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def liveness_part() -> InstalledLiveness:
    """The optional liveness part, as installed in the data folder."""
    try:
        return installed_liveness(load_settings().home)
    except PackNotFound as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def astronaut_png() -> bytes:
    """Eileen Collins, a public-domain photograph that scikit-image carries: a 512x512 RGB PNG."""
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def hopper_jpeg() -> bytes:
    """Grace Hopper, a public-domain photograph that matplotlib carries: a 512x600 RGB JPEG."""
    return Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).read_bytes()
