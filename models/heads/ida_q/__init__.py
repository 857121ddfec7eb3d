"""The network of ida-q: its training pairs, its training without PyTorch, and its ONNX file."""
