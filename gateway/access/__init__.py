"""How a partner lets us in: the access layers of NGSP, LGSP and VDXP as settings, headers and answers.

An adapter has a field ``access: Access`` in its settings, chosen by ``kind``; it gives ``layers(access)`` as its
credentials, puts ``entry(...)`` into every request, or makes it by ``json_call``, and reads a refusal with ``worn_out`` or ``turned_away``. Sources:
judicial_records §3, construction §5, other_systems §13.

Invariant: pure, and no secret leaves the request that it belongs to: not in a ``repr``, a reason or a fault.
"""

from __future__ import annotations

from gateway.access.entry import Entry, entry, json_call
from gateway.access.refusal import turned_away, worn_out
from gateway.access.settings import (
    SECRET_FIELDS,
    SECRET_HEADERS,
    Access,
    BasicAccess,
    BearerAccess,
    BearerExchange,
    HashedBasicAccess,
    LgspAccess,
    OAuth2Basic,
    OAuth2Form,
    OpenAccess,
    TokenHeaderAccess,
    XRoadAccess,
    XRoadMember,
    behind,
    secret_fields,
    secret_headers,
)
from gateway.access.tokens import LAYER, layers
from gateway.access.xroad import XRoadCall, soap_header

__all__ = [
    "LAYER",
    "SECRET_FIELDS",
    "SECRET_HEADERS",
    "Access",
    "BasicAccess",
    "BearerAccess",
    "BearerExchange",
    "Entry",
    "HashedBasicAccess",
    "LgspAccess",
    "OAuth2Basic",
    "OAuth2Form",
    "OpenAccess",
    "TokenHeaderAccess",
    "XRoadAccess",
    "XRoadCall",
    "XRoadMember",
    "behind",
    "entry",
    "json_call",
    "layers",
    "secret_fields",
    "secret_headers",
    "soap_header",
    "turned_away",
    "worn_out",
]
