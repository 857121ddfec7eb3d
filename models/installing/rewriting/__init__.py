"""Graphs rewritten so that ONNX Runtime runs them faster, each pass computing what the graph computed before."""
