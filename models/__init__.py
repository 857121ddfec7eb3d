"""The tools that make what the service serves: model packs, anchor bundles, and the command line."""
