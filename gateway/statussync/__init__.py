"""Keeping both sides in step: lag, deadlines that pass, drift and its repair."""
