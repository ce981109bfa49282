"""Keys that stay in a token (PKCS#11): the token signs, and never shows the key.

Needs python-pkcs11 (``pip install lienthong[hsm]``) and the maker's module. A session that breaks is opened anew once.
Invariant: the PIN goes to the token and nowhere else.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from cryptography import x509

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.signing.algorithms import Algorithm, Family
from gateway.signing.findings import CannotSign
from gateway.signing.keys import SigningKey, certificates_in, require_strong

if TYPE_CHECKING:
    import pkcs11


class _Signs(Protocol):
    """A private key in a session; the library mixes its methods in when it sees the key, so its types miss them."""

    def sign(self, data: bytes, *, mechanism: object) -> bytes: ...


class Token:
    """One key in one token. ``module``: the maker's library."""

    def __init__(self, name: str, *, module: str, token: str, label: str, pin: Secret) -> None:
        try:
            import pkcs11  # noqa: PLC0415 - optional, and only those with a token need it
        except ImportError:
            raise ConfigurationError(
                f"key {name}: python-pkcs11 is not installed; install lienthong[hsm]"
            ) from None
        self._library = pkcs11
        self._name, self._module, self._token, self._label, self._pin = name, module, token, label, pin
        self._lock = threading.Lock()
        self._session: pkcs11.Session | None = None
        self._key: _Signs | None = None

    def sign(self, algorithm: Algorithm, data: bytes) -> bytes:
        """The token's signature. CannotSign when it does not answer, also after the session was opened anew."""
        with self._lock:
            try:
                return self._signed(algorithm, data)
            except self._library.PKCS11Error:
                self._close()
            try:
                return self._signed(algorithm, data)
            except self._library.PKCS11Error as fault:
                self._close()
                raise CannotSign(
                    "token_unavailable",
                    f"key {self._name}: the token {self._token} does not sign ({type(fault).__name__}); check that it is"
                    " plugged in, its PIN and its label",
                    passing=True,
                ) from None

    def certificate(self) -> x509.Certificate:
        """The certificate that lies beside the key, under the same label."""
        library = self._library
        with self._lock:
            try:
                session, _ = self._opened()
                found = list(
                    session.get_objects(
                        {
                            library.Attribute.CLASS: library.ObjectClass.CERTIFICATE,
                            library.Attribute.LABEL: self._label,
                        }
                    )
                )
                written = bytes(found[0][library.Attribute.VALUE]) if found else b""
            except library.PKCS11Error as fault:
                self._close()
                raise ConfigurationError(
                    f"key {self._name}: the token {self._token} does not open ({type(fault).__name__}); check module,"
                    " token, label and PIN"
                ) from None
        if not written:
            raise ConfigurationError(
                f"key {self._name}: no certificate is labelled {self._label!r} in {self._token}; name a file with"
                " `certificate`"
            )
        return x509.load_der_x509_certificate(written)

    def _signed(self, algorithm: Algorithm, data: bytes) -> bytes:
        _, key = self._opened()
        mechanism = self._library.Mechanism
        if algorithm.family is Family.EC:
            # PKCS#11 v2.40 §2.3.1: over a digest, and answered as r and s side by side
            digest = hashlib.new(algorithm.digest, data).digest()
            return bytes(key.sign(digest, mechanism=mechanism.ECDSA))
        if algorithm.family is Family.RSA:
            with_digest = getattr(mechanism, f"{algorithm.digest.upper()}_RSA_PKCS")
            return bytes(key.sign(data, mechanism=with_digest))
        raise CannotSign(
            "token_algorithm", f"key {self._name}: tokens sign with RSA or ECDSA, not {algorithm.jose}"
        )

    def _opened(self) -> tuple[pkcs11.Session, _Signs]:
        if self._session is not None and self._key is not None:
            return self._session, self._key
        library = self._library
        token = library.lib(self._module).get_token(token_label=self._token)
        try:
            session = token.open(user_pin=self._pin.reveal())
        except library.UserAlreadyLoggedIn:
            # PKCS#11 v2.40 §5.6: all sessions of a process share the login; another key of this token has made it
            session = token.open()
        self._session = session
        found = session.get_key(object_class=library.ObjectClass.PRIVATE_KEY, label=self._label)
        self._key = cast("_Signs", found)
        return session, self._key

    def _close(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except self._library.PKCS11Error:
                return  # it was gone already, which is why it is closed


def from_token(name: str, token: Token, certificate: Path | None) -> SigningKey:
    """The key ``name`` in ``token``; its certificate out of a file, or from beside the key."""
    own, *chain = [token.certificate()] if certificate is None else certificates_in(certificate)
    require_strong(name, own)
    return SigningKey(name=name, certificate=own, chain=tuple(chain), signer=token.sign, waits=True)
