"""Labelled faces: what label files say, the embeddings of the pictures they name, and what is left out."""
