"""The tables of the console: every page and every action, in the order of the menu.

Invariant: there is no other declaration of an address under ``/console``, but those of the door (signing in and out)
and the files of style and script.
"""

from __future__ import annotations

from gateway.console.page import Action, Page
from gateway.console.pages import jobs

GROUPS = ("work", "partners", "numbers", "evidence", "people")

PAGES: tuple[Page, ...] = (*jobs.PAGES,)
ACTIONS: tuple[Action, ...] = (*jobs.ACTIONS,)
