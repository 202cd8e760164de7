"""What must never be printed, and how it is kept out.

Every value that comes from a secret reference is registered here when it is resolved.
Whatever leaves the process for a person, a log, the journal or JSON goes through ``redact``.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable
from typing import Any

MASK = "***"

_lock = threading.Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None

# A short secret is masked as a whole word only: "22" must not blank every 22 in a sentence.
WHOLE_WORD_BELOW = 4


def register(value: str) -> None:
    """Remember a secret, each of its words, and the forms in which texts quote it.

    Words of punctuation alone, such as the commas of a list, hide nothing and are left out.
    """
    global _pattern  # noqa: PLW0603 - one registry per process is the point
    with _lock:
        before = len(_secrets)
        _secrets.update(_forms(value))
        if len(_secrets) != before:
            ordered = sorted(_secrets, key=len, reverse=True)
            _pattern = re.compile("|".join(_alternative(secret) for secret in ordered))


def _forms(value: str) -> set[str]:
    """Return what to look for: a quoted secret has its quotes and backslashes escaped."""
    whole = value.strip()
    words = {word for word in value.split() if any(c.isalnum() for c in word)}
    quoted = {
        repr(whole)[1:-1],
        json.dumps(whole)[1:-1],
        json.dumps(whole, ensure_ascii=False)[1:-1],
    }
    return {form for form in {value, whole} | quoted | words if form.strip()}


def register_all(values: Iterable[str]) -> None:
    """Remember several secrets."""
    for value in values:
        register(value)


def _alternative(secret: str) -> str:
    literal = re.escape(secret)
    whole = secret.isdigit() or len(secret) < WHOLE_WORD_BELOW
    return rf"(?<![0-9A-Za-z]){literal}(?![0-9A-Za-z])" if whole else literal


def redact(text: str) -> str:
    """Return the text with every secret masked."""
    return _pattern.sub(MASK, text) if _pattern else text


def redact_data(value: Any) -> Any:
    """Return JSON-able data with every secret masked, in texts, numbers and keys."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return MASK if str(value) in _secrets else value
    if isinstance(value, dict):
        return {redact_data(key): redact_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_data(item) for item in value]
    return value


def reset() -> None:
    """Forget every secret. For tests alone."""
    global _pattern  # noqa: PLW0603 - as above
    with _lock:
        _secrets.clear()
        _pattern = None


class RedactingFilter(logging.Filter):
    """Masks secrets in log records, arguments and tracebacks included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; let it through."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
