"""What the board's answers mean (ward_board §2): rows of conditions, the first that matches decides."""

from pathlib import Path

from gateway.codec import Json, Unreadable
from gateway.codec.json import read
from gateway.mapping import Answer, ResponseTable, Row, Shape, read_tables
from gateway.port import WireResponse

CODES = read_tables(Path(__file__).parent)
WORDS = {"done": ("ok",), "session": ("session",), "later": ("busy",), "refused": ("invalid",)}
_SPOKEN = frozenset({Shape.ENVELOPE})

RESPONSES = ResponseTable(
    name="ward_board",
    clause="ward_board §2",
    rows=(
        Row(name="done", verdict="accepted", why="§2", statuses=((200, 200),), shapes=_SPOKEN, codes="done"),
        Row(name="session", verdict="renew", why="§2", shapes=_SPOKEN, codes="session"),
        Row(name="busy", verdict="deferred", why="§2", shapes=_SPOKEN, codes="later"),
        Row(name="refused", verdict="rejected", why="§2", shapes=_SPOKEN, codes="refused"),
        Row(name="unknown", verdict="in_doubt", why="nothing may be concluded from anything else"),
    ),
)


def read_answer(response: WireResponse) -> tuple[Answer, dict[str, Json]]:
    """The answer normalised, and its fields; no fields when nobody can read it."""
    try:
        document = read(response.body)
    except Unreadable as unreadable:
        return Answer(status=response.status, shape=Shape.UNREADABLE, message=unreadable.reason), {}
    if not isinstance(document, dict) or not isinstance(code := document.get("code"), str):
        return Answer(status=response.status, shape=Shape.UNCODED, message="no code"), {}
    message = document.get("message")
    told = message if isinstance(message, str) else ""
    return Answer(status=response.status, shape=Shape.ENVELOPE, code=code, message=told), document
