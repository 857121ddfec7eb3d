"""Installing model packs: fetched, checked, converted, proven equal, and put in their place in one step."""
