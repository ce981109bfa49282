"""Deadlines: where a dossier stands against its promise. Pure: no clock, no calendar of its own, no I/O."""
