"""All keys that the gateway signs with, and all certificates that it trusts, by name.

Rotation: a name may have several keys. The newest one that is valid signs, and every pinned certificate verifies, so
that the next key is installed, and the partner's next certificate pinned, before the last ones expire.
Invariant: secrets are held as ``Secret`` or in the cryptographic library, never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import msgspec
from cryptography import x509

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.signing.findings import CannotSign
from gateway.signing.keys import SigningKey, certificates_in, from_pem, from_pkcs12, subject_of
from gateway.signing.pkcs11 import Token, from_token


class PemFiles(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="pem", forbid_unknown_fields=True
):
    """``certificate``: the key's own first, those above it after. ``key``: encrypted with ``passphrase`` or not."""

    certificate: str
    key: str
    passphrase: Secret | None = None


class Pkcs12File(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="pkcs12", forbid_unknown_fields=True
):
    """Key and certificates in one file."""

    file: str
    passphrase: Secret | None = None


class TokenKey(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="pkcs11", forbid_unknown_fields=True
):
    """A key in a token. ``module``: the maker's library; ``certificate``: a file, when the token holds none."""

    module: str
    token: str
    label: str
    pin: Secret
    certificate: str | None = None


KeySource: TypeAlias = PemFiles | Pkcs12File | TokenKey


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who we are for a UsernameToken."""

    username: str
    password: Secret


class AuthoritySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time-stamping authority: where it is asked, and files with the roots that its certificate chains to."""

    url: str
    roots: list[str]


class SigningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section ``[signing]``: each name with everything that goes by it. ``trusted``: files with pinned certificates.
    ``warn_days``: how long before a certificate expires people are told."""

    keys: dict[str, list[KeySource]] = {}
    trusted: dict[str, list[str]] = {}
    accounts: dict[str, Account] = {}
    authorities: dict[str, AuthoritySettings] = {}
    warn_days: int = 30


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A time-stamping authority that is trusted."""

    name: str
    url: str
    roots: tuple[x509.Certificate, ...]


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """Until when something works. ``use``: key, trusted or authority; ``certificates`` are all that go by ``name``;
    ``since``: when the first of them begins; ``until``: when the last of them expires."""

    use: str
    name: str
    subject: str
    since: datetime
    until: datetime
    certificates: int


class Keyring:
    """Keys, pinned certificates, accounts and time-stamping authorities by name."""

    def __init__(
        self,
        *,
        keys: Mapping[str, Sequence[SigningKey]] | None = None,
        trusted: Mapping[str, Sequence[x509.Certificate]] | None = None,
        accounts: Mapping[str, Account] | None = None,
        authorities: Mapping[str, Authority] | None = None,
    ) -> None:
        self._keys = {name: _newest_first(group) for name, group in (keys or {}).items()}
        self._trusted = {name: tuple(group) for name, group in (trusted or {}).items()}
        self._accounts = dict(accounts or {})
        self._authorities = dict(authorities or {})

    def __repr__(self) -> str:
        return f"Keyring(keys={sorted(self._keys)}, trusted={sorted(self._trusted)}, accounts={sorted(self._accounts)})"

    def key(self, name: str, now: datetime) -> SigningKey:
        """The newest key ``name`` that is valid at ``now``. Raises CannotSign."""
        group = self._keys.get(name, ())
        if not group:
            raise CannotSign("key_unknown", f"signing.keys has no key {name!r}; name it there")
        for key in group:
            if key.good_at(now):
                return key
        ends = max(key.certificate.not_valid_after_utc for key in group)
        begins = min(key.certificate.not_valid_before_utc for key in group)
        told = f"expired on {ends:%Y-%m-%d}" if ends < now else f"is not valid before {begins:%Y-%m-%d}"
        raise CannotSign(
            "key_expired", f"every certificate of key {name!r} {told}; install one that is valid now"
        )

    def waits(self, name: str) -> bool:
        """Whether signing with key ``name`` may wait for a token."""
        return any(key.waits for key in self._keys.get(name, ()))

    def trusted(self, name: str) -> tuple[x509.Certificate, ...]:
        """The certificates pinned under ``name``, also those not valid now: whoever verifies judges the time.
        Raises ConfigurationError."""
        if not self._trusted.get(name):
            raise ConfigurationError(f"signing.trusted has no certificates {name!r}; pin the partner's there")
        return self._trusted[name]

    def account(self, name: str) -> Account:
        """The account ``name``. Raises CannotSign."""
        if name not in self._accounts:
            raise CannotSign("account_unknown", f"signing.accounts has no account {name!r}; name it there")
        return self._accounts[name]

    def authority(self, name: str) -> Authority:
        """The time-stamping authority ``name``. Raises CannotSign."""
        if name not in self._authorities:
            raise CannotSign("authority_unknown", f"signing.authorities has no {name!r}; name it there")
        return self._authorities[name]

    def require(self, *, key: str | None, account: str | None, authority: str | None) -> None:
        """Raise ConfigurationError when one of these names is not there; None asks for nothing."""
        wanted = (("keys", key, self._keys), ("accounts", account, self._accounts))
        for section, name, found in (*wanted, ("authorities", authority, self._authorities)):
            if name is not None and name not in found:
                raise ConfigurationError(f"signing.{section} has no {name!r}, which a destination signs with")

    def require_kind(self, name: str, vocabulary: str) -> None:
        """Raise ConfigurationError when a key ``name`` is of a kind that signs nothing in ``vocabulary``: jose, xml, http."""
        for key in self._keys[name]:
            try:
                key.algorithm(vocabulary)
            except KeyError:
                kind = type(key.public).__name__
                raise ConfigurationError(
                    f"signing.keys.{name}: a {kind} is of no use here ({vocabulary}); RSA and ECDSA P-256 always are"
                ) from None

    def secrets(self) -> tuple[str, ...]:
        """Passwords that may stand in a message: the log must not hold them in clear."""
        return tuple(account.password.reveal() for account in self._accounts.values())

    def authorities(self) -> tuple[Authority, ...]:
        """All time-stamping authorities."""
        return tuple(self._authorities.values())

    def validities(self) -> Iterator[Validity]:
        """Until when each name works: of several certificates the one that lasts longest counts."""
        for name, keys in sorted(self._keys.items()):
            yield _validity("key", name, [key.certificate for key in keys])
        for name, certificates in sorted(self._trusted.items()):
            yield _validity("trusted", name, certificates)
        for name, authority in sorted(self._authorities.items()):
            yield _validity("authority", name, authority.roots)


def load(settings: SigningSettings) -> Keyring:
    """The keyring that ``settings`` describe; ConfigurationError names the first file that cannot be used."""
    return Keyring(
        keys={name: [_key(name, each) for each in sources] for name, sources in settings.keys.items()},
        trusted={name: _pinned(name, files) for name, files in settings.trusted.items()},
        accounts=settings.accounts,
        authorities={
            name: Authority(name=name, url=each.url, roots=tuple(_pinned(name, each.roots)))
            for name, each in settings.authorities.items()
        },
    )


def _key(name: str, source: KeySource) -> SigningKey:
    match source:
        case PemFiles():
            return from_pem(name, Path(source.certificate), Path(source.key), source.passphrase)
        case Pkcs12File():
            return from_pkcs12(name, Path(source.file), source.passphrase)
        case TokenKey():
            token = Token(name, module=source.module, token=source.token, label=source.label, pin=source.pin)
            return from_token(name, token, Path(source.certificate) if source.certificate else None)


def _pinned(name: str, files: Sequence[str]) -> list[x509.Certificate]:
    if not files:
        raise ConfigurationError(f"signing: {name!r} names no certificate")
    return [certificate for file in files for certificate in certificates_in(Path(file))]


def _newest_first(keys: Sequence[SigningKey]) -> tuple[SigningKey, ...]:
    return tuple(sorted(keys, key=lambda key: key.certificate.not_valid_before_utc, reverse=True))


def _validity(use: str, name: str, certificates: Sequence[x509.Certificate]) -> Validity:
    last = max(certificates, key=lambda certificate: certificate.not_valid_after_utc)
    return Validity(
        use=use,
        name=name,
        subject=subject_of(last),
        since=min(certificate.not_valid_before_utc for certificate in certificates),
        until=last.not_valid_after_utc,
        certificates=len(certificates),
    )
