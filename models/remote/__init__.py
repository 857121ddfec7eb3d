"""The administration of a running service, from the command line."""
