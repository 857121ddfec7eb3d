"""All pairs of labelled faces, by blocks: their scores, and rates with intervals over people."""
