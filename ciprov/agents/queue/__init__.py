"""From Jenkins's queue to what it asks for: labels, which items want an agent, and when to look again."""
