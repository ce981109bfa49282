"""Liên Thông Gateway: the hub between a province's one-door system and the national systems."""
