"""The store that replicas share: bundles, activations and the replicas' reports; the only room that imports obstore."""
