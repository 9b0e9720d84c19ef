"""Agents on demand: from Jenkins's queue to the agents that it needs. Decides only; reaches nothing by itself."""
