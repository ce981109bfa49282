"""Construction permits and planning information: official elements, codes, rules and answers (contract
``construction``)."""

from __future__ import annotations

from mappings.construction.responses import TABLE as RESPONSES

__all__ = ["RESPONSES"]
