"""The contents of a message log as tests look at them: unpacked, and decrypted where the database has the keys."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.messagelog.content import Content, read
from gateway.storage.database import Database
from gateway.storage.log import STORED_BODY, StoredBody, stored_body, with_body
from gateway.storage.schema import message


def logged_bodies(database: Database, *where: sa.ColumnElement[bool]) -> list[bytes]:
    """The bodies of all entries that have one of their own, the oldest first."""
    question = (
        sa.select(message.c.id, message.c.body_size, *STORED_BODY)
        .select_from(with_body(message))
        .where(*where)
        .order_by(message.c.id)
    )
    rows = database.ask(lambda connection: connection.execute(question).all())
    found = [
        read(stored_body(tuple(row)), row.body_size, database.contents) for row in rows if row.owner == row.id
    ]
    for each in found:
        assert isinstance(each, Content), each
    return [each.body for each in found if isinstance(each, Content)]


def clear_body(packed: bytes, size: int) -> bytes:
    """The body in a content that is not encrypted."""
    found = read(StoredBody(owner=0, encoding="clear", body=packed), size, None)
    assert isinstance(found, Content), found
    return found.body
