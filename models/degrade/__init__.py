"""Degraded copies of face photographs, by a written recipe, so that anchors cover poor images too."""
