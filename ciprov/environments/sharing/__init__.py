"""What several teams on one cluster owe each other."""
