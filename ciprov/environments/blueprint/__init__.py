"""Blueprints: reading, checking and filling in the files that environments are stamped out from. Pure: no I/O."""
