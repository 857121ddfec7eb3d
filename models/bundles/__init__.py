"""Bundles that the tools make: created, derived from another, signed; the service only reads and verifies them."""
