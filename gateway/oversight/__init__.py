"""Watching over what people do: whose second word is needed, and how it is carried out."""
