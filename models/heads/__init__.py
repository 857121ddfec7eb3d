"""Training the heads of a bundle: small networks on embeddings, which the service runs beside the backbone."""
