"""How a command ends: exit codes, and one clear line instead of a traceback.

Invariant: 0 done, 1 the answer is no, 2 usage, 3 our fault. No traceback reaches a terminal unless LIENTHONG_DEBUG=1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from gateway.domain.errors import (
    CannotEncode,
    ConfigurationError,
    ConflictError,
    GatewayError,
    NotFoundError,
    RecordError,
)

DONE, NO, USAGE, FAULT = 0, 1, 2, 3
DEBUG = "LIENTHONG_DEBUG"

# the answer is no: the record, the state or the identifier does not allow it; asking again gives the same
_NO = (RecordError, ConflictError, NotFoundError, CannotEncode)


def code_of(fault: GatewayError) -> int:
    """The exit code for one of our own errors."""
    if isinstance(fault, ConfigurationError):
        return USAGE
    return NO if isinstance(fault, _NO) else FAULT


def told(fault: GatewayError) -> str:
    """What a person reads: one line, and one more per violation."""
    lines = [f"error: {fault}"]
    for violation in getattr(fault, "violations", ()):
        place = violation.pointer or "(whole document)"
        lines.append(f"  {place}: got {violation.got}, expected {violation.expected}; {violation.advice}")
    return "\n".join(lines)


def guarded(command: Callable[[], object]) -> int:
    """Run ``command``; its exit code. Errors become a line on standard error."""
    try:
        command()
    except GatewayError as fault:
        if debugging():
            raise
        complain(told(fault))
        return code_of(fault)
    except BrokenPipeError:
        # the reader of our output has gone, as in `lienthong log list | head`: nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as fault:  # why: a traceback helps nobody at a terminal; LIENTHONG_DEBUG=1 shows it
        if debugging():
            raise
        complain(f"error: {type(fault).__name__}: {fault}\n  a defect of ours; {DEBUG}=1 shows where")
        return FAULT
    return DONE


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get(DEBUG, "") not in {"", "0"}


def complain(text: str) -> None:
    """A line for a person, on standard error."""
    print(text, file=sys.stderr, flush=True)
