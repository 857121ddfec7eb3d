"""What was found, as it goes over the wire."""
