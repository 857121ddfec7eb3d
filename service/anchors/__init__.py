"""The anchor set and the search for support sets in it; the only room that imports faiss."""
