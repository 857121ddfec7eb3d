"""Pure NumPy: cosine similarity, support-set density, the Discrepancy Alignment Operator."""
