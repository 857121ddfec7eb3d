"""A detector, a picture format and a method that nobody has heard of are found wherever such things are named.

Each is added where the real ones are, in a process of its own, before anything else is imported. What is then made up
with them is served over HTTP.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
from service.faces.pictures import bmp_file, formats, jpeg_file, png_file, stored_picture, webp_file

def read(data, damaged):
    grey = np.full((112, 112, 3), data[4], np.uint8)
    grey[0, 0, 0] = 1  # by which the fake detector finds one face
    return stored_picture.StoredPicture(112, 112, 1, False, 1, lambda _: grey)

FLUX = stored_picture.PictureFormat("Flux", (".flx",), lambda data: data.startswith(b"FLUX"), read)
before = formats.FORMATS
source = Path(formats.__file__).read_text().replace("HEIC, AVIF)", "HEIC, AVIF, FLUX)")
formats.__dict__["FLUX"] = FLUX
exec(compile(source, formats.__file__, "exec"), formats.__dict__)
assert formats.FORMATS == (*before, FLUX)

from service.faces.detectors import adapters
from service.faces.detectors.detector import DetectorAdapter

class Hawk:
    def __init__(self, run, spec): pass
    def detect(self, image): return []

adapters.DETECTORS = (*adapters.DETECTORS, DetectorAdapter("hawk-eye", Hawk, gives_landmarks=True))

from service.scoring import methods
made = methods.Method("hunch", (), "linear", lambda similarity, probe, reference, parameters: -similarity)
methods.METHODS = MappingProxyType({**methods.METHODS, "hunch": made})

from fakes import FakeBackboneSession, fake_manifest, fake_pipeline, picture, serving
from small_bundles import small_bundle
from models.images.image_folder import scan
from service.choices import Gates
from service.errors import NoFace, PackInvalid
from service.faces.build_extractor import build_extractor, require_adapters
from service.pack import PackManifest
from service.settings import Settings

folder = Path(sys.argv[1])
manifest = fake_manifest().model_dump()
manifest["detector"]["adapter"] = "hawk-eye"
hawk = PackManifest.model_validate(manifest)
require_adapters(hawk)
told = {}
try:
    build_extractor(hawk, {"detector": None}, Gates()).extract(picture(), "largest")
except NoFace as error:
    told["built"] = error.code
manifest["detector"]["adapter"] = "owl"
try:
    require_adapters(PackManifest.model_validate(manifest))
except PackInvalid as error:
    told["unknown_detector"] = error.message

(folder / "a.flx").write_bytes(b"FLUX")
told["scanned"] = [path.name for path in scan(folder).images]

settings = Settings(home=folder)
pipeline = fake_pipeline(settings)
small_bundle(folder / "bundle", backbone_id=pipeline.backbone_id, pipeline_id=pipeline.pipeline_id,
             embed=pipeline.embed)
with serving(settings, folder / "bundle", FakeBackboneSession()) as client:
    told["info"] = client.get("/info").json()
    told["openapi"] = client.get("/openapi.json").text
    flux = {"probe": b"FLUX\\x64", "reference": b"FLUX\\x64"}
    told["verified"] = client.post("/verify", files=flux, data={"method": "hunch"}).json()
    told["unknown"] = client.post("/verify", files={**flux, "probe": b"text"}).json()["detail"]
    told["method"] = client.post("/verify", files=flux, data={"method": "guess"}).json()["detail"]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the process tells."""
    folder = tmp_path_factory.mktemp("made up")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IDA_")}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_made_up_detector_is_taken_from_a_manifest_built_and_named_to_who_asks_for_another(told):
    assert told["built"] == "no_face"
    assert "'owl'" in told["unknown_detector"]
    assert "hawk-eye" in told["unknown_detector"]


def test_made_up_format_is_decoded_listed_and_named(told):
    assert told["verified"]["similarity"] == pytest.approx(1.0)
    assert told["scanned"] == ["a.flx"]
    assert told["info"]["limits"]["image_formats"][-1] == "Flux"
    for text in (told["unknown"], told["openapi"]):
        assert "JPEG, PNG, WebP, BMP, HEIC, AVIF or Flux" in text
    assert "HEIC or AVIF" not in told["openapi"]


def test_made_up_method_is_served_listed_and_named(told):
    assert told["verified"]["method"] == "hunch"
    assert told["verified"]["score"] == pytest.approx(-1.0)
    assert "hunch" in told["info"]["methods"]
    assert "hunch" in told["method"]
    assert '"hunch"' in told["openapi"]
