"""The message log: exact bytes in both directions, redacted before they are stored, ready to be proven."""
