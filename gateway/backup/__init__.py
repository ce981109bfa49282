"""Backups: taking one while the gateway runs, restoring it, and finding out beforehand what a restore would lose."""
