"""Exit codes of the daemon, for whoever started it."""

CANNOT_START = 1
ALREADY_RUNNING = 75
