"""What follows ``|``: filters over the lines a command prints."""

from __future__ import annotations

import re
from collections.abc import Sequence

FILTERS = ("append", "begin", "count", "exclude", "include", "redirect", "section", "tee")
_PIPED = ("dir", "more", "show")


def split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Cut a command from its filters: pairs of a filter's full name and its expression."""
    first = text.split()[:1]
    if not first or not any(word.startswith(first[0].lower()) for word in _PIPED):
        return text, []
    head, *rest = re.split(r"\s\|\s", text)
    found = []
    for part in rest:
        word, _, expression = part.strip().partition(" ")
        name = next((f for f in FILTERS if f.startswith(word.lower())), "")
        if not name:
            return text, []
        found.append((name, expression))
    return head, found


def filtered(text: str, filters: Sequence[tuple[str, str]]) -> str:
    """Apply filters one after the other."""
    for name, expression in filters:
        lines = text.split("\n")
        try:
            pattern = re.compile(expression)
        except re.error:
            return "% Failed to compile regular expression.\n"
        text = "\n".join(_apply(name, pattern, lines))
    return text


def _apply(name: str, pattern: re.Pattern[str], lines: list[str]) -> list[str]:
    if name == "exclude":
        return [line for line in lines if not pattern.search(line)]
    if name == "count":
        count = sum(1 for line in lines if pattern.search(line))
        return [f"Number of lines which match regexp = {count}"]
    if name == "begin":
        start = next((i for i, line in enumerate(lines) if pattern.search(line)), len(lines))
        return lines[start:]
    if name == "section":
        return _sections(pattern, lines)
    return [line for line in lines if pattern.search(line)]


def _sections(pattern: re.Pattern[str], lines: list[str]) -> list[str]:
    found: list[str] = []
    depth: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent > depth:
            found.append(line)
            continue
        depth = indent if pattern.search(line) else None
        if depth is not None:
            found.append(line)
    return found
