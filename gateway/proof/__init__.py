"""Evidence that nobody has to believe: the Merkle log, checkpoints and commitments, made here and checked by one file."""
