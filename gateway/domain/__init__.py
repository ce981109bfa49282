"""Ground floor: what a dossier, a delivery and an outcome are. No I/O, no clock, no third-party policy."""
