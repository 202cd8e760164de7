"""Printing: text for people, one JSON envelope or JSON Lines for programs; secrets masked."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from knockctl.errors import KnockctlError, Problems
from knockctl.policy.redaction import redact, redact_data

SCHEMA = 1


def text(line: str = "", *, reveal: bool = False) -> None:
    """Print a line for a person."""
    sys.stdout.write(f"{line if reveal else redact(line)}\n")
    sys.stdout.flush()


def warn(line: str) -> None:
    """Print a line on the error stream."""
    sys.stderr.write(f"{redact(line)}\n")
    sys.stderr.flush()


def event(kind: str, data: dict[str, Any]) -> None:
    """Print one JSON Lines event of long work."""
    _json({"event": kind, **data})


def envelope(command: str, result: Any, *, ok: bool = True, reveal: bool = False) -> None:
    """Print the last, or only, JSON line of a command."""
    _json({"schema": SCHEMA, "command": command, "ok": ok, "result": result}, reveal=reveal)


def _json(data: Any, *, reveal: bool = False) -> None:
    sys.stdout.write(json.dumps(data if reveal else redact_data(data), default=str) + "\n")
    sys.stdout.flush()


def report(error: Exception, argv: Sequence[str]) -> int:
    """Tell a person, and with JSON asked for a program, what went wrong; return the exit code."""
    if isinstance(error, KnockctlError):
        code, message = error.exit_code, str(error)
    else:
        code = 1
        message = (
            f"internal error: {type(error).__name__}: {error}\n"
            "  hint: this is a fault of knockctl; KNOCKCTL_DEBUG=1 shows where it happened"
        )
    warn(
        "\n".join(
            f"error: {line}" if n == 0 else line for n, line in enumerate(message.split("\n"))
        )
    )
    if os.environ.get("KNOCKCTL_DEBUG") == "1" and not isinstance(error, KnockctlError):
        warn("".join(traceback.format_exception(error)))
    if _wants_json(argv):
        envelope(_command(argv), {"kind": "error", **_described(error, code)}, ok=False)
    return code


def _described(error: Exception, code: int) -> dict[str, Any]:
    problems = error.problems if isinstance(error, Problems) else [error]
    return {
        "exit_code": code,
        "errors": [
            {
                "error": type(problem).__name__,
                "message": problem.message if isinstance(problem, KnockctlError) else str(problem),
                "hint": problem.hint if isinstance(problem, KnockctlError) else None,
                "where": str(problem.where) if isinstance(problem, KnockctlError) else "",
            }
            for problem in problems
        ],
    }


def _wants_json(argv: Sequence[str]) -> bool:
    given = [b for a, b in zip(argv, argv[1:], strict=False) if a in ("-o", "--output")]
    given += [a.partition("=")[2] for a in argv if a.startswith("--output=")]
    return "json" in (given[-1:] or [os.environ.get("KNOCKCTL_OUTPUT", "text")])


def _command(argv: Sequence[str]) -> str:
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif word in ("-i", "--inventory", "-o", "--output", "--journal"):
            skip = True
        elif not word.startswith("-"):
            return word
    return ""
