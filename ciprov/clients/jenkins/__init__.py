"""Jenkins's remote API: its queue, its nodes, their secrets."""
