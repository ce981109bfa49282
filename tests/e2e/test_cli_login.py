"""``lienthong doctor --login`` against a portal that repeats in its refusal what it was told."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from gateway.cli.doctor.partners import check_logins
from tests.drift_world import settings
from tests.unit import portal


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuses every login, and quotes the password in the refusal."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
    quoted = portal.settings().password.reveal()
    body = json.dumps({"session": "", "error_code": "1", "message": f"wrong password {quoted}"}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def test_a_refused_login_is_shown_without_the_password(
    tmp_path: Path, migrated_sqlite_file: Path
) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    copied = shutil.copy(migrated_sqlite_file, tmp_path / "lienthong.db")
    told = settings(f"sqlite:///{copied}", f"http://127.0.0.1:{port}")
    try:
        findings = [finding async for finding in check_logins(told)]
    finally:
        server.close()
    assert [each.level for each in findings] == ["fail"]
    assert "wrong password [redacted]" in findings[0].found
    assert portal.settings().password.reveal() not in str(findings)
