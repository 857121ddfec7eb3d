"""What scores are worth on labelled faces: rates with intervals, protocols, ablations, and the report of them."""
