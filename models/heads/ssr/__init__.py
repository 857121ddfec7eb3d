"""Training the SSR head (support set regression): the density of a support set, told from the embedding alone."""
