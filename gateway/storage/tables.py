"""Every table of the gateway, whichever module declares it: what migrations and tests of the schema look at."""

from __future__ import annotations

import gateway.storage.schema_access
import gateway.storage.schema_accounts
import gateway.storage.schema_archive
import gateway.storage.schema_edits
import gateway.storage.schema_evidence
import gateway.storage.schema_journeys
import gateway.storage.schema_payment
import gateway.storage.schema_progress
import gateway.storage.schema_reconciliation
import gateway.storage.schema_retry
import gateway.storage.schema_samples
import gateway.storage.schema_status  # noqa: F401 - they declare their tables
from gateway.storage.schema import metadata

__all__ = ["metadata"]
