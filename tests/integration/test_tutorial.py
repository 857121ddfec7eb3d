"""The tutorial leads where it says: every block of it is run in its order, in one shell, in an empty folder."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import REPOSITORY, blocks
from e2e.fleet import free_port

TUTORIAL = REPOSITORY / "models" / "TUTORIAL.md"
MARK = "tests/integration/test_tutorial.py::test_tutorial_runs_as_it_stands"
# The commands' own default is the port that the tutorial names; here it is another, which is free.
_PREAMBLE = """set -euo pipefail
ida-verify() {
  case "$1 ${2-}" in
    "anchors push" | "anchors activate" | "anchors rollback" | "anchors status") command ida-verify "$@" --url "$URL" ;;
    "serve "*) exec ida-verify "$@" ;;
    *) command ida-verify "$@" ;;
  esac
}
"""


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.system
def test_tutorial_runs_as_it_stands(pack, tmp_path, require_program):
    require_program("curl")
    own = [block for block in blocks(TUTORIAL) if block.note == f"run by: {MARK}"]
    assert len(own) >= 11
    port = free_port()
    script = _PREAMBLE + "\n".join(block.text for block in own).replace("8000", str(port))
    programs = Path(sys.executable).parent
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IDA_")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "IDA_HOME": str(pack.folder.parents[1]),
        "IDA_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        "URL": f"http://127.0.0.1:{port}",
    }
    here = tmp_path / "tutorial"
    here.mkdir()

    # Into a file: a pipe would be read until the service has let it go too.
    with (tmp_path / "said").open("w+") as output:
        done = subprocess.run(
            ["bash", "-c", script], cwd=here, env=environment, stdout=output, stderr=output, check=False, timeout=300
        )
        output.seek(0)
        said = output.read()

    assert done.returncode == 0, said
    # What the text says of each step.
    assert "refused: two people are too few" in said
    assert not (here / "too-few").exists()
    assert "refused: photographs would lose their decisions" in said
    assert re.search(r"^match non_match$", said, re.MULTILINE)
    points = json.loads((here / "calibrated" / "calibration_report.json").read_text())["methods"][0]["operating_points"]
    assert [point["quality"] for point in points] == ["measured", "wide", *["extrapolated"] * 3]
    # All pairs of 48 people in four pictures each, less those of a face or two beyond the limits.
    assert 17_500 < points[0]["non_mated_pairs"] <= 192 * 188 // 2
    assert json.loads((here / "calibrated" / "manifest.json").read_text())["default_method"] == "cosine"
    ids = {json.loads((here / f"{name}-answer.json").read_text())["anchor_set"]["id"] for name in ("same", "strangers")}
    assert len(ids) == 1
    (pushed,) = ids
    assert f"{pushed} is signed by the key" in said
    assert f"{pushed} is active" in said
    assert "alice" in said
    for page in ("anchors", "gained", "unlabelled", "report", "photographs"):
        assert (here / f"{page}.html").read_text("utf-8").startswith("<!doctype html>")
    assert "data:image/jpeg" in (here / "photographs.html").read_text("utf-8")
    assert (here / "photographs.html").stat().st_mode & 0o077 == 0
