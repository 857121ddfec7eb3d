"""Making anchors: of what, how they are embedded and shaped, and the bundle that is written."""
