"""What a measurement ran on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ENGINES = ("onnxruntime", "onnxruntime-gpu", "faiss-cpu", "faiss-gpu")


def hardware() -> dict[str, object]:
    """Return what the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "instructions": [flag for flag in flags if flag.startswith(("avx", "fma", "amx"))],
        "load_average": os.getloadavg(),
        **_versions(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
