"""Calibration: choosing the parameters of a bundle's scores, and measuring what the scores mean."""
