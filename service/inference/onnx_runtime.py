"""ONNX Runtime, imported here alone, so that it never sends anything.

From 1.29 on it keeps a record of the machine and of what it runs in the user's cache folder, and sends it to its
makers, from the moment of its import. The environment must say otherwise before that, in every process: the service,
the tools and the workers of an engine. A variable that is set already is left as it is.
"""

import os
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["load_quantization", "ort"]


def load_quantization() -> Any:
    """Return ONNX Runtime's package that writes networks in 8 bits. It wants `onnx`, which the tools alone have."""
    import onnxruntime.quantization  # noqa: PLC0415

    return onnxruntime.quantization
