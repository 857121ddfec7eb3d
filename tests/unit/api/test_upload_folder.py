"""Uploads of a process that was killed are removed by the next one, and those of a process that lives are not."""

import os
import signal
import subprocess
import sys
import time

import pytest

from service.api.upload_folder import UploadFolder

SCRIPT = """
import sys, time
from pathlib import Path
from service.api.upload_folder import UploadFolder
uploads = UploadFolder(Path(sys.argv[1]))
place = uploads.place()
(place / "upload-half").write_bytes(b"half")
print(place, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_what_a_live_one_has_is_not(tmp_path):
    folder = tmp_path / "uploads"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        place = process.stdout.readline().strip()
        assert os.listdir(place) == ["upload-half"]
        assert UploadFolder(folder).sweep() == 0
        assert os.listdir(place) == ["upload-half"]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert UploadFolder(folder).sweep() == 1
    assert not os.path.exists(place)
    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == []


def test_two_in_one_folder_have_places_of_their_own(tmp_path):
    one, other = UploadFolder(tmp_path), UploadFolder(tmp_path)
    assert one.place() != other.place()
    assert one.sweep() == other.sweep() == 0
    one.close()
    assert other.place().is_dir()
    other.close()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_files_of_former_versions_go_by_their_age(tmp_path):
    old, fresh, folder = tmp_path / "upload-old", tmp_path / "upload-fresh", tmp_path / "upload-old.ab.unpacked"
    old.write_bytes(b"x")
    fresh.write_bytes(b"x")
    folder.mkdir()
    (folder / "part").write_bytes(b"x")
    for path in (old, folder):
        os.utime(path, (time.time() - 2 * 86_400,) * 2)
    assert UploadFolder(tmp_path).sweep() == 2
    assert (old.exists(), fresh.exists(), folder.exists()) == (False, True, False)


def test_folder_that_is_not_there_stays_so(tmp_path):
    assert UploadFolder(tmp_path / "nowhere").sweep() == 0
    assert not (tmp_path / "nowhere").exists()
