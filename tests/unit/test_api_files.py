"""Files over HTTP: by their digest, to those who may read dossiers."""

import hashlib

import pytest

from gateway.storage.files import KeptFile, keep_files
from tests.api_world import open_world

BODY = b"<script>alert(1)</script>"
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        kept = KeptFile(content=BODY, media_type="text/html", origin="reported", at=1)
        await opened.gateway.database.apply(keep_files, kept)
        yield opened


async def test_file_is_given_as_bytes_to_be_saved(world):
    found = await world.call("GET", f"/v1/files/{SHA}")

    assert found.status_code == 200
    assert found.content == BODY
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"].startswith("attachment")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["etag"] == f'"{SHA}"'


@pytest.mark.parametrize("digest", ["0" * 64, SHA.upper(), SHA[:-1], "..%2f..%2fetc", "x"])
async def test_what_is_not_kept_or_no_digest_is_not_found(world, digest):
    found = await world.call("GET", f"/v1/files/{digest}")

    assert found.status_code == 404


async def test_nobody_reads_a_file_without_a_key(world):
    found = await world.call("GET", f"/v1/files/{SHA}", client=None)

    assert found.status_code == 401
