"""What a running service tells and shows, and what may be asked of it."""
