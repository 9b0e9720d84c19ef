"""What happens to environments, recorded and live, as lines and documents."""
