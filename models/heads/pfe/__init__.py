"""The uncertainty head of PFE: how sure each value of an embedding is, learned from mated pairs."""
