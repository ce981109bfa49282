"""Somebody at a browser: signs in as people do, counts clicks and the time they take, hears every complaint of the page."""

from __future__ import annotations

import time
from typing import Any

from tests.browser.house import House
from tests.console_door_world import PASSWORD

PHONE, DESK = 390, 1280


class Person:
    """``clicks``: presses of the mouse, and of Enter; typing is none. ``seconds``: how long the browser took for them.

    ``complaints``: what the page wrote to the console, what its policy forbade, and what could not be fetched.
    """

    def __init__(self, chromium: Any, house: House, account: str = "tran.thi.mau", **options: Any) -> None:
        width = options.pop("width", DESK)
        language = options.pop("language", "vi")
        self.context = chromium.new_context(
            base_url=house.address,
            viewport={"width": width, "height": 844 if width == PHONE else 900},
            locale="vi-VN",
            timezone_id="Asia/Ho_Chi_Minh",
            accept_downloads=True,
            **options,
        )
        self.context.add_cookies([{"name": "lienthong-language", "value": language, "url": house.address}])
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._wrote)
        self.page.on("pageerror", lambda fault: self.complaints.append(f"fault: {fault}"))
        self.page.on("requestfailed", self._failed)
        self._sign_in(account)
        self.clicks, self.seconds = 0, 0.0

    def _sign_in(self, account: str) -> None:
        self.page.goto("/console/sign-in?next=/console/me")
        self.page.fill("#name", account)
        self.page.fill("#password", PASSWORD)
        self.page.press("#password", "Enter")
        self.page.wait_for_url("**/console/me")

    def open(self, address: str) -> int:
        """Look at a page; its status."""
        answer = self.page.goto(address)
        return 0 if answer is None else answer.status

    def click(self, where: Any) -> None:
        """Press something and see what follows. ``where``: a selector or a locator."""
        begun = time.monotonic()
        target = self.page.locator(where).first if isinstance(where, str) else where
        target.click()
        self.page.wait_for_load_state("load")
        self.clicks += 1
        self.seconds += time.monotonic() - begun

    def type(self, where: str, words: str) -> None:
        """Write into a field."""
        begun = time.monotonic()
        self.page.locator(where).first.fill(words)
        self.seconds += time.monotonic() - begun

    def text(self) -> str:
        """What is read on the page."""
        return str(self.page.inner_text("main"))

    def leave(self) -> None:
        self.context.close()

    def _wrote(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, request: Any) -> None:
        # why: a page that is left while it refreshes itself gives its request up
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"not fetched: {request.url} ({request.failure})")
