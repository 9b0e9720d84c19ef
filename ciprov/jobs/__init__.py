"""Jenkins jobs from definitions: what is ours, what differs, and what is to be done about it. No client, no I/O."""
