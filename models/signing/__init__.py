"""Keys that sign bundles, and signing by them; the service only verifies."""
