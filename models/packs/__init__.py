"""Model packs: their manifests, one folder a pack, and installing them: fetched, checked, converted, proven equal."""
