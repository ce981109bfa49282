"""The progress indicator and on-time ratios: definitions, denominators, threshold, the two formulas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.periods import Wanted, period_of
from gateway.reports.progress import DEFINITIONS, Report766, compute_766
from gateway.reports.ratios import ratio
from gateway.reports.terms import Asked
from gateway.settings import ReportSettings
from tests.standings_world import NOW, Terms, at, mini, standing, store


def computed(database, settings: ReportSettings | None = None, **rest) -> Report766:
    asked = Asked(period=period_of(Wanted(name="2026-03"), now=NOW), **rest)
    return database.ask(
        lambda connection: compute_766(connection, asked, Terms(), settings or ReportSettings(), NOW)
    )


def parts(share) -> tuple[int, int]:
    return share.numerator, share.denominator


async def test_formulas_on_the_mini_data_set(database):
    """c3..c13 = 12, 5, 4, 3, 7, 2, 3, 2, 5, 3, 2; by instant 9 and 10 are 2 and 3."""
    await store(database, mini())
    total = computed(database).total
    assert parts(total.on_time_of_resolved) == (5, 7)
    assert parts(total.on_time_of_received) == (5, 12)
    assert parts(total.balance) == (8, 12)
    assert parts(total.balance_by_instant) == (7, 12)
    assert total.balance.percent == 66.67
    assert total.points == 13.33
    # by the portal's rule, of the nine received in March: 4, 7, 11, 12 and 16 are in time; 5 is late by the hour,
    # 6 and 8 by days, 13 is open past its promise
    assert parts(total.portal) == (5, 9)
    assert total.without_due == 1


async def test_setting_chooses_the_formula_that_gives_the_points(database):
    await store(database, mini())
    report = computed(database, ReportSettings(progress="portal", progress_points=18.0))
    assert (report.formula, report.most_points) == ("portal", 18.0)
    assert report.total.points == 10.0
    assert report.definitions == DEFINITIONS


async def test_setting_chooses_the_denominator_of_the_on_time_ratio(database):
    await store(database, mini())
    resolved, received = computed(database), computed(database, ReportSettings(on_time_of="received"))
    assert parts(resolved.total.on_time) == (5, 7)
    assert parts(received.total.on_time) == (5, 12)
    assert (resolved.on_time_of, received.on_time_of) == ("resolved", "received")


@pytest.mark.parametrize(
    ("least", "below"), [(5 / 7, False), (0.7142, False), (0.7143, True), (0.95, True), (0.0, False)]
)
async def test_threshold_is_compared_with_the_exact_share(database, least, below):
    await store(database, mini())
    assert computed(database, ReportSettings(on_time_least=least)).total.below is below


async def test_units_have_their_own_ratios(database):
    await store(database, mini(spread=True))
    report = computed(database, by="agency")
    assert len(report.rows) == 3
    for share in ("on_time_of_resolved", "balance", "portal"):
        for side in (0, 1):
            assert (
                sum(parts(getattr(row, share))[side] for row in report.rows)
                == parts(getattr(report.total, share))[side]
            )


async def test_over_nothing_there_is_no_share(database):
    total = computed(database).total
    assert (total.balance.percent, total.points, total.below) == (None, None, False)


async def test_indicator_carries_what_it_was_computed_from(database):
    await store(database, [standing(1, "H99-1", at("03-02 09:00"), received_at=at("03-02 09:00"))])
    stamp = computed(database).stamp
    assert (stamp.period, stamp.rule_version, stamp.computed_at) == ("2026-03", "test-rules", NOW)


@pytest.mark.parametrize(
    ("numerator", "denominator", "percent"),
    [
        (1, 3, 33.33),
        (2, 3, 66.67),
        (1, 8, 12.5),
        (1, 16, 6.25),
        (1, 32, 3.13),
        (0, 5, 0.0),
        (7, 7, 100.0),
        (0, 0, None),
    ],
)
def test_share_is_rounded_to_two_decimals_halves_up(numerator, denominator, percent):
    assert ratio(numerator, denominator).percent == percent


def test_published_figure_of_a_province_is_reproduced():
    """domain_rules §1, An Giang 2021: 1,647,259 of 1,647,971."""
    assert ratio(1_647_259, 1_647_971).percent == 99.96


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_share_is_within_half_a_hundredth_of_the_truth(numerator, denominator):
    found = ratio(numerator, denominator)
    assert abs(100 * numerator / denominator - found.percent) <= 0.005 * (1 + 1e-6) + 1e-9 * numerator
