"""Questions of a command, and their answers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

Dialogue = Generator["Ask", str, str]
"""Asks, is sent the answer, and returns what is printed at the end."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question; ``key`` takes one keystroke as the answer, Enter included."""

    prompt: str
    key: bool = False
    hidden: bool = False
