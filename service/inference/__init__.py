"""ONNX Runtime sessions, the backbone and the SSR head; the only room that imports onnxruntime, in one module."""
