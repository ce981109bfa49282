"""``lienthong log`` about the proof of the log: checkpoints, proofs, keys, and the witness."""
