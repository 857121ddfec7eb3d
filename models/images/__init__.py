"""Pictures below a folder, read in order by a few threads, and those that could not be read."""
