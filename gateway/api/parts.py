"""What the API needs of a gateway: protocols that ``bootstrap.Gateway`` fulfils."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.delivery.catalogues import CatalogueKeeper
from gateway.delivery.destination import Destination, Hub
from gateway.delivery.intake import Intake
from gateway.evidence.service import Evidencing
from gateway.inbound.callbacks import Callbacks
from gateway.inbound.feed import Feed
from gateway.inbound.webhooks import Webhooks
from gateway.jobs.service import Jobs
from gateway.oversight.approvals import ApprovalDesk
from gateway.payments.service import Payments
from gateway.settings import Settings
from gateway.signing.keyring import Keyring
from gateway.statussync.desk import Desk
from gateway.statussync.repair import RepairDesk
from gateway.storage.database import Database


class Worker(Protocol):
    """The worker of this process. It may be built and never run."""

    @property
    def here_since(self) -> int | None:
        """An instant (microseconds) since which it has surely been there; None: it is not, or nobody knows."""

    def wake(self, destination: str) -> None:
        """There may be something to send to ``destination``."""

    def stop(self) -> None:
        """Finish what is in flight; ``run`` returns then."""

    async def run(self) -> None:
        """Work until ``stop``."""

    async def wait_for_events(self, seconds: float) -> None:
        """Wait until new events may be in the feed, at most ``seconds``."""


class Gateway(Protocol):
    """A built gateway, as ``bootstrap`` makes it."""

    @property
    def settings(self) -> Settings:
        """The configuration."""

    @property
    def database(self) -> Database:
        """The open database."""

    @property
    def hub(self) -> Hub:
        """What destinations share."""

    @property
    def keyring(self) -> Keyring:
        """The keys and certificates that are configured."""

    @property
    def destinations(self) -> Mapping[str, Destination]:
        """Every destination that is switched on."""

    @property
    def intake(self) -> Intake:
        """The door for dossiers."""

    @property
    def catalogues(self) -> CatalogueKeeper:
        """Cached reference data."""

    @property
    def worker(self) -> Worker:
        """The worker, perhaps running in this process."""

    @property
    def jobs(self) -> Jobs:
        """What is done on a schedule or on demand."""

    @property
    def repairs(self) -> RepairDesk:
        """Mends differences."""

    @property
    def approvals(self) -> ApprovalDesk:
        """Takes the word of second persons."""

    @property
    def payments(self) -> Payments:
        """Asks for money, asks about it, and takes decisions about it."""

    @property
    def callbacks(self) -> Callbacks:
        """Receives partners' calls."""

    @property
    def evidence(self) -> Evidencing:
        """The proof of the message log."""

    @property
    def feed(self) -> Feed:
        """The event feed."""

    @property
    def webhooks(self) -> Webhooks:
        """Endpoints of the one-door system."""

    @property
    def deadlines(self) -> Desk:
        """The rules of time, and whom they are compared with."""
