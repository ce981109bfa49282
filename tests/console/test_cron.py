"""Schedules in words."""

import pytest

from gateway.console.cron import explain


@pytest.mark.parametrize(
    ("cron", "vi", "en"),
    [
        ("* * * * *", "Mỗi phút", "Every minute"),
        ("*/10 * * * *", "Cứ 10 phút", "Every 10 minutes"),
        ("*/10 7-17 * * *", "Cứ 10 phút từ 7 giờ đến 17 giờ", "Every 10 minutes between hours 7 and 17"),
        ("30 1 * * *", "Lúc 01:30", "At 01:30"),
        ("0,30 7,13 * * *", "Lúc 07:00, 07:30, 13:00, 13:30", "At 07:00, 07:30, 13:00, 13:30"),
        ("15 2 * * 1-5", "Lúc 02:15, từ thứ Hai đến thứ Sáu", "At 02:15, from Monday to Friday"),
        ("0 6 * * 0,7", "Lúc 06:00, Chủ nhật, Chủ nhật", "At 06:00, Sunday, Sunday"),
        ("0 6 1 * *", "Lúc 06:00, ngày 1", "At 06:00, on day 1 of the month"),
        ("0 6 1 1,7 *", "Lúc 06:00, ngày 1, tháng 1, 7", "At 06:00, on day 1 of the month, in month 1, 7"),
        ("5 */2 * * *", "Cứ 2 giờ, vào phút 5", "Every 2 hours, at minute 5"),
        ("5 * * * *", "Mỗi giờ, vào phút 5", "Every hour, at minute 5"),
        (None, "Chỉ khi có người yêu cầu", "On demand only"),
    ],
)
def test_plain_schedule_is_said_in_words(cron, vi, en):
    assert explain(cron, "vi") == vi
    assert explain(cron, "en") == en


@pytest.mark.parametrize("cron", ["0 6 1 * 1", "1-5 * * * *", "0 6 L * *", "0 6 * * MON#1", "*/5 */2 * * *"])
def test_schedule_that_words_would_twist_is_shown_as_it_is_written(cron):
    assert cron in explain(cron, "vi")
