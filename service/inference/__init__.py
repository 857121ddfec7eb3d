"""ONNX Runtime sessions and the backbone; the only room that imports onnxruntime."""
