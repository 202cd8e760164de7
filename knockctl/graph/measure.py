"""How much room the words of a drawing take, in the drawing's units of half an inch."""

from __future__ import annotations

SIZE = 10
"""Of all words, in points."""
LINE = SIZE / 36
"""From one line to the next."""
_WIDE = 0.6
"""Of a letter, in ems: DejaVu Sans, the widest of the fonts that ``sans`` stands for."""


def width(lines: tuple[str, ...]) -> float:
    """Return how far the longest line reaches, at the widest."""
    return max((len(line) for line in lines), default=0) * _WIDE * LINE


def height(lines: tuple[str, ...]) -> float:
    """Return how high the lines stand, with what hangs below the last one."""
    return (len(lines) + 0.3) * LINE


def wrapped(text: str, letters: int) -> tuple[str, ...]:
    """Break at commas, and between words where a line would have more letters than that."""
    lines: list[str] = []
    for part in text.split(", "):
        start = len(lines)
        for word in part.split():
            if len(lines) > start and len(lines[-1]) + len(word) < letters:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
    return tuple(lines)
