"""What an adapter may see of the gateway, and what the gateway asks of an adapter.

Everything here is a value or a protocol: an adapter is plain functions over bytes, without a socket, a database,
a clock or a source of randomness (DESIGN, decision 1).
"""

from __future__ import annotations

from gateway.port.adapter import Adapter, AdapterModule, CannotRead, Context, Planned, Read, Reading
from gateway.port.callback import BroughtFile, Callback, CallbackRequest, Refusal, Report
from gateway.port.credential import CredentialLayer, Denied, Grant
from gateway.port.manifest import Capacity, Manifest, Operation, OperationKind, ReadOperation
from gateway.port.payment import (
    AnswersPayers,
    AttemptName,
    CollectsPayments,
    GivesReceipts,
    LandTaxReport,
    PaymentLookup,
    PaymentReport,
    PaymentTerms,
)
from gateway.port.progress import (
    REPORTED_PREFIX,
    FeedChange,
    FeedPage,
    FeedReading,
    Feeds,
    Follows,
    Progress,
    ProgressReading,
    ProgressReport,
    ReportedFile,
    ReportedSupplement,
    Schedule,
    feeder,
    follower,
)
from gateway.port.record import (
    REPAIR_PREFIX,
    Agreed,
    Expected,
    NoRecord,
    PartnerRecord,
    RecordReading,
    RecordStep,
    ShowsRecords,
    TellsRules,
    record_reader,
)
from gateway.port.secret import Secret
from gateway.port.signing import Answers, PasswordKind, Profile, SigningPolicy
from gateway.port.simulator import SimulatedRequest, SimulatedResponse, Simulator
from gateway.port.wire import WireRequest, WireResponse, header

__all__ = [
    "REPAIR_PREFIX",
    "REPORTED_PREFIX",
    "Adapter",
    "AdapterModule",
    "Agreed",
    "Answers",
    "AnswersPayers",
    "AttemptName",
    "BroughtFile",
    "Callback",
    "CallbackRequest",
    "CannotRead",
    "Capacity",
    "CollectsPayments",
    "Context",
    "CredentialLayer",
    "Denied",
    "Expected",
    "FeedChange",
    "FeedPage",
    "FeedReading",
    "Feeds",
    "Follows",
    "GivesReceipts",
    "Grant",
    "LandTaxReport",
    "Manifest",
    "NoRecord",
    "Operation",
    "OperationKind",
    "PartnerRecord",
    "PasswordKind",
    "PaymentLookup",
    "PaymentReport",
    "PaymentTerms",
    "Planned",
    "Profile",
    "Progress",
    "ProgressReading",
    "ProgressReport",
    "Read",
    "ReadOperation",
    "Reading",
    "RecordReading",
    "RecordStep",
    "Refusal",
    "Report",
    "ReportedFile",
    "ReportedSupplement",
    "Schedule",
    "Secret",
    "ShowsRecords",
    "SigningPolicy",
    "SimulatedRequest",
    "SimulatedResponse",
    "Simulator",
    "TellsRules",
    "WireRequest",
    "WireResponse",
    "feeder",
    "follower",
    "header",
    "record_reader",
]
