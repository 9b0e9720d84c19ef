"""Hooks: commands and checks of a blueprint around `up` and `down`."""
