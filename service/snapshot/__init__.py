"""What serves: a bundle loaded as one snapshot, the sources of its face statistics, and the check of both."""
