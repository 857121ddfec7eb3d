"""Driving a face generator: its inputs, what is drawn for each image, and the images; it trains nothing."""
