"""Where the networks of a pack come from: package registries, read by their ordinary clients or protocols."""
