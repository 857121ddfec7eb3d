"""Networks brought into the form that the service runs, each pass computing what the graph computed before."""
