"""The HTTP servers of one service: what a connection may cost, how long it may take, and how the process ends."""
