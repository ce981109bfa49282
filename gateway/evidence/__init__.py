"""Producing evidence while the gateway runs: checkpoints of the message log, time stamps, witnesses, and the halt without them."""
