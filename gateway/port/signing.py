"""How the messages of an operation are signed, and what must be verified in the answers. Data only.

An adapter declares a policy per operation (its settings may choose which); the hub signs between ``encode`` and the
record of the request, and verifies between the record of the answer and ``interpret``. Keys are named, never held: the
names are looked up in the keyring of the configuration. Invariant: an adapter whose policy asks for signed answers is
given signed bytes only, apart from the statuses in ``Answers.unsigned``, out of which nothing is ever accepted.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

TIMESTAMP_LIFETIME = 300.0  # construction §6, recommendation 2


class Profile(StrEnum):
    """The ways of signing.

    none            TLS and tokens are all there is
    wsse_x509       WS-Security 1.1 X.509: BinarySecurityToken, signed Timestamp and Body
    wsse_username   WS-Security 1.1 UsernameToken, digest or text (text over TLS only)
    xades           XAdES-B or -T (ETSI EN 319 132), enveloped in one element, referenced by its Id
    jws_detached    JWS with a detached, unencoded payload (RFC 7515, RFC 7797): the body, in a header
    http_signature  HTTP message signature (RFC 9421) with Content-Digest (RFC 9530)
    """

    NONE = "none"
    WSSE_X509 = "wsse_x509"
    WSSE_USERNAME = "wsse_username"
    XADES = "xades"
    JWS_DETACHED = "jws_detached"
    HTTP_SIGNATURE = "http_signature"


class PasswordKind(StrEnum):
    """How a UsernameToken shows the password."""

    DIGEST = "digest"
    TEXT = "text"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What must be verified in answers.

    ``profile``: none means that answers are not signed. ``trusted``: name of the partner's pinned certificates in the
    keyring. ``unsigned``: HTTP statuses that an access layer gives before the partner sees the call; they are passed
    on as they are, and nothing in them counts as accepted. ``lifetime``: seconds after which a signature is too old;
    ``skew``: seconds by which clocks may differ. ``element``: ``{namespace}name`` of the element that is signed (xades),
    and ``timestamped``: an authority must have seen the signature. ``components``: what a HTTP signature must cover
    besides the body; those of the request bind the answer to it.
    """

    profile: Profile = Profile.NONE
    trusted: str = ""
    unsigned: tuple[int, ...] = (401, 403, 429, 502, 503, 504)
    lifetime: float = TIMESTAMP_LIFETIME
    skew: float = 60.0
    element: str = ""
    timestamped: bool = False
    components: tuple[str, ...] = ("@status", "@method;req", "@target-uri;req")


class SigningPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How requests of one operation are signed.

    ``key``: name of a key in the keyring, or of an account for ``wsse_username``. ``lifetime``: seconds for which the
    signature says that it is good. ``element``: ``{namespace}name`` of the element that a XAdES signature covers and
    goes into, last; it bears an ``Id``. ``where_present``: a message without that element has no place for a signature
    by its contract, and leaves as it is. ``timestamp``: name of the time-stamping authority in the keyring whose token
    makes XAdES-B into -T; empty for none. ``header``: where a detached JWS travels. ``components``: what a HTTP
    signature covers besides the digest of the body. ``password``: how a UsernameToken shows it.
    """

    profile: Profile = Profile.NONE
    key: str = ""
    lifetime: float = TIMESTAMP_LIFETIME
    element: str = ""
    where_present: bool = False
    timestamp: str = ""
    header: str = "x-jws-signature"
    components: tuple[str, ...] = ("@method", "@target-uri", "content-type")
    password: PasswordKind = PasswordKind.DIGEST
    answers: Answers = Answers()


UNSIGNED = SigningPolicy()
