"""How changed apps are replaced where an old instance holds what the new one needs."""
