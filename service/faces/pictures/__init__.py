"""Bytes of a photograph to upright RGB pixels, bounded before they are decoded."""
