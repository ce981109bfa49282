"""Shares: a numerator, a denominator, and the percentage rounded as the portal rounds it.

Invariant: a share is never told without its denominator; over nothing there is no share (national_portal §11.2.8).
"""

from __future__ import annotations

import msgspec


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """``percent``: two decimals, halves up; null when the denominator is 0."""

    numerator: int
    denominator: int
    percent: float | None

    def is_below(self, least: float) -> bool:
        """Whether the exact share is below ``least`` (0 to 1); nothing is below where there is nothing."""
        return bool(self.denominator) and self.numerator < least * self.denominator


def ratio(numerator: int, denominator: int) -> Ratio:
    """``numerator`` of ``denominator``."""
    if not denominator:
        return Ratio(numerator=numerator, denominator=0, percent=None)
    hundredths = (20_000 * numerator + denominator) // (2 * denominator)
    return Ratio(numerator=numerator, denominator=denominator, percent=hundredths / 100)
