"""Looking at an anchor set: how it is spread, what it covers of real faces, and what it would do to scores."""
