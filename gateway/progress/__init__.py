"""Partners that do not call: asking what became of each dossier, and letting what they say have its one effect.

``poll`` asks about single dossiers, ``feed`` reads lists of changes, ``telling`` gives a report its effect.
"""
