"""Checking an answer of /verify later: computed again from its embeddings and its bundle, and compared."""
