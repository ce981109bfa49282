"""The console with scripts switched off: what matters still works."""

from __future__ import annotations

import pytest

from tests.browser.house import open_house
from tests.browser.seeding import CODE

pytestmark = [pytest.mark.xdist_group("browser-journeys"), pytest.mark.timeout(300)]
REFUSED = CODE.format(11)


@pytest.fixture(scope="module")
def house(tmp_path_factory, chromium):
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        opened.portal.judge = lambda _code: "E101"
        opened.start_worker()
        opened.put(REFUSED)
        opened.wait_until(lambda: opened.one("SELECT COUNT(*) FROM delivery WHERE state = 'rejected'") == 1)
        yield opened


def test_one_failure_is_sent_again_and_one_entry_of_the_log_is_read(house, person):
    operator = person("tran.thi.mau", java_script_enabled=False)
    assert operator.page.inner_text(".me") == "Trần Thị Mẫu"
    house.portal.judge = lambda _code: ""
    operator.open("/console/failures")
    operator.click("main .cause h2 a")
    operator.click("main td a[href*='/console/deliveries/']")
    operator.type("#reason", "Đã bổ sung danh mục")
    operator.click("button[formaction$='/retry']")
    house.wait_until(lambda: house.portal.taken.get(REFUSED) == ["card v1", "line s1"])

    operator.open(f"/console/log?dossier={REFUSED}&channel=api&direction=in")
    operator.click("main td a[href^='/console/log/']")
    operator.type("main form [name=reason]", "Đối chiếu khiếu nại")
    operator.click("main form:has([name=reason]) button")
    assert REFUSED in operator.text()
    assert operator.page.locator("main pre").count() > 0
    assert operator.complaints == []
