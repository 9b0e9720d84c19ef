"""What is not as it was left, and what nobody owns any more."""
