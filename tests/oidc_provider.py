"""A small identity provider over a real loopback socket, honest unless a test bends it.

``token``: bends the claims of the next ID tokens; ``sign``: makes a token of header and claims in its own way.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT = "lienthong"
SECRET = "a secret: with % and space"


def encoded(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


class IdentityProvider:
    """One provider. ``person``: whom it vouches for; ``keys``: what it signs with, the last one now."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.issuer = ""
        self.keys: list[Any] = [RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})]
        self.algorithm = "RS256"
        self.person: dict[str, Any] = {
            "sub": "8a1f",
            "preferred_username": "Tran.Thi.Mau",
            "name": "Trần Thị Mẫu",
            "email": "mau@h99.example",
            "email_verified": True,
            "groups": ["van-hanh"],
        }
        self.token: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
        self.answer: dict[str, str] = {}
        self.discovery: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.discovery,
        }

    def authorize(self, address: str) -> str:
        """Where the browser is sent back to, once somebody has signed in there."""
        query = dict(parse_qsl(urlsplit(address).query))
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        given = {"code": code, "state": query["state"], "iss": self.issuer, **self.answer}
        return query["redirect_uri"] + "?" + urlencode({key: value for key, value in given.items() if value})

    def redeem(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
        query = self.codes.pop(form["code"], None)  # RFC 6749 §4.1.2: once
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        right = pair == "lienthong:a%20secret%3A%20with%20%25%20and%20space" and query is not None
        if not right or encoded_bytes(challenge) != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(query["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(self.clock().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce}
        claims = {**claims, **self.person, **self.token}
        key = self.keys[-1]
        header = {"alg": self.algorithm, "kid": key.kid}
        claims = {name: value for name, value in claims.items() if value is not None}
        return (
            jwt.encode(header, claims, key, algorithms=[self.algorithm])
            if self.sign is None
            else self.sign(header, claims)
        )

    def rotate(self) -> None:
        """Another key, and the old one is no longer published."""
        self.keys = [ECKey.generate_key("P-256", {"kid": "second"})]
        self.algorithm = "ES256"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = urlsplit(target).path
        self.asked.append(path)
        status, document = 404, {}
        if path == "/.well-known/openid-configuration":
            status, document = 200, self.document()
        elif path == "/keys":
            status, document = 200, {"keys": [key.as_dict(private=False) for key in self.keys]}
        elif (method, path) == ("POST", "/token"):
            status, document = self.redeem(headers, dict(parse_qsl(body.decode())))
        content = json.dumps(document).encode()
        lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        writer.write(lines.encode() + b"connection: close\r\n\r\n" + content)
        await writer.drain()
        writer.close()


def encoded_bytes(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@asynccontextmanager
async def identity_provider(
    clock: Callable[[], datetime], at: str = "http://127.0.0.1:0"
) -> AsyncIterator[IdentityProvider]:
    """One that listens on this machine, on a free port if ``at`` names none."""
    provider = IdentityProvider(clock)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", urlsplit(at).port)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.close()
        await server.wait_closed()
