"""Deadlines: where a dossier stands against its promise. Pure: no clock, no I/O but its own shipped data."""

RULE_VERSION = "2026-11-22"
"""Stands beside every result, so that a figure can be computed again years later. Changes with every rule."""
