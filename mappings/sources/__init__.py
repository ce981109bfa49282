"""Source systems' own codes into the gateway's: states of dossiers and steps, national procedure codes.

Two tables, ``statuses.csv`` and ``procedures.csv``; a province puts its own beside its configuration and names the
folder. Invariant: nothing is guessed. A code without a row is a violation with its pointer and the nearest codes, and
a blank state is never passed on (domain_rules §4.2).
"""

from __future__ import annotations

from mappings.sources.translation import Translation

__all__ = ["Translation"]
