"""Other people's shapes on the real networks and the shipped anchor set, as the document's program asks them."""

import subprocess
import sys

import pytest
from documents import REPOSITORY, blocks
from e2e.fleet import Fleet
from PIL import Image
from skimage import data

DOCUMENT = REPOSITORY / "service" / "COMPAT.md"


@pytest.fixture
def url(pack, tmp_path):
    fleet = Fleet(tmp_path)
    fleet.add(str(tmp_path / "store"), pack.folder.parents[1], IDA_COMPAT="oip")
    fleet.start()
    yield fleet.url
    fleet.close()


@pytest.mark.weights
@pytest.mark.slow
def test_program_of_the_document_asks_by_tritons_client(url, tmp_path, hopper_jpeg):
    Image.fromarray(data.astronaut()).save(tmp_path / "collins.jpg", quality=95)
    (tmp_path / "hopper.jpg").write_bytes(hopper_jpeg)
    (program,) = [block.text for block in blocks(DOCUMENT) if block.language == "python"]
    program = program.replace("127.0.0.1:8000", url.removeprefix("http://"))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "b'non_match'" in done.stdout
