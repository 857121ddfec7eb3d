"""Every process that imports ONNX Runtime has switched its telemetry off before, unless its user decided otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(("given", "found"), [({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")])
@pytest.mark.parametrize(
    "module", ["service.app", "models.engines.ray_engine", "models.generate.onnx_network", "service.inference.session"]
)
def test_telemetry_is_off_when_onnx_runtime_is_imported(module: str, given: dict[str, str], found: str) -> None:
    script = (
        "import importlib, os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime':\n"
        "            print(os.environ.get('ORT_DISABLE_TELEMETRY'), flush=True)\n"
        "            os._exit(0)\n"
        "sys.meta_path.insert(0, Finder())\n"
        f"importlib.import_module({module!r})\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | given,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [found]


def test_only_one_module_imports_onnx_runtime() -> None:
    importing = [
        str(path.relative_to(REPOSITORY))
        for folder in ("service", "models", "tests", "deploy")
        for path in (REPOSITORY / folder).rglob("*.py")
        if any(
            line.strip().startswith(("import onnxruntime", "from onnxruntime"))
            for line in path.read_text("utf-8").splitlines()
        )
    ]
    assert importing == ["service/inference/onnx_runtime.py"]
