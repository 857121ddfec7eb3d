"""False-match and false non-match rates of scored pairs: at thresholds, and how far so many pairs can show them."""
