"""OAuth2 client credentials (RFC 6749 §4.4): an API key's owner gets a token that lives for a while.

Invariant: a refusal has the ``error`` code that RFC 6749 §5.2 asks for, inside an ordinary problem document.
"""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from gateway.api.access import basic_credentials
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call
from gateway.api.service import Api

FORM = "application/x-www-form-urlencoded"
MOST_FORM_BYTES = 16 * 1024
MOST_FIELDS = 20


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token. ``expires_in`` in seconds; ``scope`` separated by spaces."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class TokenForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, as a form. The credentials stand here or in ``Authorization: Basic``."""

    grant_type: str
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None


async def issue_token(api: Api, call: Call) -> Answer:
    """Give a token to whoever shows right credentials."""
    form = _form(call.body if isinstance(call.body, bytes) else b"")
    client_id, secret = _credentials(dict(call.header_pairs), form)
    principal = await api.access.client(client_id, secret)
    api.admit(principal)
    if form.grant_type != "client_credentials":
        raise Refused(
            "unreadable",
            f"got grant_type {form.grant_type[:40]!r}, expected client_credentials",
            error="unsupported_grant_type",
        )
    lifetime = api.settings.token_lifetime
    token, issued = await api.access.grant(principal, form.scope or "", lifetime)
    answer = TokenAnswer(
        access_token=token,
        token_type="Bearer",  # noqa: S106 - the kind of token, not a token
        expires_in=int(lifetime),
        scope=" ".join(sorted(issued.scopes)),
    )
    return Answer(value=answer, headers=(("pragma", "no-cache"),))


def _form(body: bytes) -> TokenForm:
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST_FIELDS
        )
    except ValueError as fault:
        raise _malformed("the body is not a form in UTF-8") from fault
    repeated = [name for name, values in fields.items() if len(values) > 1]
    if repeated:
        raise _malformed(f"{repeated[0][:40]!r} stands more than once")
    if "grant_type" not in fields:
        raise _malformed("grant_type is missing; send client_credentials")
    known = {item.name for item in msgspec.structs.fields(TokenForm)}
    return TokenForm(**{name: values[0] for name, values in fields.items() if name in known})


def _credentials(headers: dict[str, str], form: TokenForm) -> tuple[str, str]:
    basic = basic_credentials(headers.get("authorization", ""))
    if basic is not None:
        return basic
    if form.client_id is None or form.client_secret is None:
        raise Refused(
            "unauthorised",
            "send client_id and client_secret, as Authorization: Basic or in the form",
            headers=(("www-authenticate", 'Basic realm="lienthong"'),),
            error="invalid_client",
        )
    return form.client_id, form.client_secret


def _malformed(detail: str) -> Refused:
    return Refused("unreadable", detail, error="invalid_request")
