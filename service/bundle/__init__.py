"""Anchor bundles: their manifest, reading and writing them, and the snapshot that serves one."""
