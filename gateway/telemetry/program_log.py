"""The program log: structlog, and libraries told like our own. Never a value from outside: of a fault only its type, our
own plain words and its places in the code.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Literal, TextIO, cast

import structlog

from gateway.telemetry.tracing import here


class _Forgiving:
    """A stream whose reader may disappear: the program log is a comfort, and its end must not stop a delivery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text``, or drop it when nobody can take it (a broken pipe, a full disk)."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, if anybody takes it."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


_MOST_WORDS = 200
_MOST_FAULTS = 5
_MOST_PLACES = 12
_FEWEST_LETTERS = 4
_PLAIN = re.compile(r"[a-z]{1,19}[,.:;]?")


def fault_told(fault: BaseException) -> str:
    """What went wrong and where, without the values that a message may hold (a database's DETAIL, a record's field):
    types, words that stand in the code itself, places in it; the causes behind it."""
    return "\nbecause of ".join("\n  at ".join((_headline(each), *_places(each))) for each in _causes(fault))


def plain_words(text: str) -> str:
    """How a library's ``text`` begins, up to whatever is quoted, bracketed, a number, a name, or told as the thing got."""
    line = next(iter(text.strip().splitlines()), "")[:_MOST_WORDS]
    shown: list[str] = []
    for word in line.split():
        if not _PLAIN.fullmatch(word) or shown[-1:] == ["got"]:
            return " ".join((*shown, "\u2026"))
        shown.append(word)
    return " ".join(shown)


def _headline(fault: BaseException) -> str:
    state = getattr(fault, "sqlstate", None) or getattr(fault, "sqlite_errorname", None)
    words = (str(fault.errno) if fault.errno else "") if isinstance(fault, OSError) else _own_words(fault)
    return ": ".join(part for part in (type(fault).__name__, state, words) if part)


def _own_words(fault: BaseException) -> str:
    """How the message begins, as far as that is written in the code that has raised it: whatever came from outside, be
    it one plain word, is no constant of ours."""
    try:
        text = str(fault)
    except Exception:  # why: an exception may be broken itself, and must be told all the same
        return ""
    best = ""
    for frame, _ in traceback.walk_tb(fault.__traceback__):
        for constant in frame.f_code.co_consts:
            if not isinstance(constant, str) or len(constant) < _FEWEST_LETTERS:
                continue
            begin = constant if text.startswith(constant) else re.split("[%{]", constant, maxsplit=1)[0]
            if len(begin) > max(len(best), _FEWEST_LETTERS - 1) and text.startswith(begin):
                best = begin
    line = next(iter(best.splitlines()), "")[:_MOST_WORDS].rstrip()
    return line if line == text or not line else f"{line} \u2026"


def _places(fault: BaseException) -> Iterator[str]:
    frames = list(traceback.walk_tb(fault.__traceback__))
    for frame, line in frames[-_MOST_PLACES:]:
        yield f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"


def _causes(fault: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = fault
    for _ in range(_MOST_FAULTS):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _tell_faults(
    _logger: structlog.types.WrappedLogger, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """A processor: ``exc_info`` as ``exception``, told by ``fault_told``."""
    told = event.pop("exc_info", None)
    if isinstance(told, tuple):
        told = told[1]
    fault = told if isinstance(told, BaseException) or not told else sys.exc_info()[1]
    if fault:
        event["exception"] = fault_told(fault)
    return event


def _tell_place(
    _logger: structlog.types.WrappedLogger, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """A processor: the trace and the span that the running task is part of."""
    journey = here()
    if journey is not None:
        event["trace_id"] = f"{journey.place.trace:032x}"
        event["span_id"] = f"{journey.place.span:016x}"
        event.setdefault("correlation", journey.correlation)
    return event


class _Libraries(logging.Handler):
    """What libraries have to say (asyncio, uvicorn), told like our own: their tracebacks quote values, too."""

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        words = plain_words(str(record.msg))  # as the library wrote it, without what it was about
        structlog.get_logger(record.name).log(
            record.levelno, "library_spoke", library=record.name, words=words, exc_info=fault
        )


def configure_logging(level: str = "info", style: Literal["json", "console"] = "console") -> None:
    """Set structlog up once per process, and libraries' warnings with it; output goes to standard error."""
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tell_faults,
            _tell_place,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().handlers = [_Libraries(logging.WARNING)]
