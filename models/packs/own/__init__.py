"""Packs of networks that people have: what their files say of themselves, and the manifests that follow from it."""
