"""The search for support sets among the anchors, and what it tells of a face; the only room that imports faiss."""
