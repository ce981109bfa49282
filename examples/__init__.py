"""Invented dossiers of the invented province H99, and the programs that make them."""
