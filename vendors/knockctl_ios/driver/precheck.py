"""What a router's parser takes, asked by its own help before anything is changed.

Not every version, and nobody's documentation, is sure to know all that a change needs in the
midst of what is somebody else's: entries with numbers, remarks and dynamic lists among them, and
classes before others. A question mark costs a round trip and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knockctl.errors import Unsupported
from knockctl_ios.driver.connection import Session

_NUMBERED = re.compile(r" (\d+) (permit|deny|dynamic|remark)\b")
_BEFORE = re.compile(r" (class \S+) (insert-before) (\S+)")


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a word may follow the beginning of a line, below another line."""

    inside: str
    head: str
    word: str


def questions(text: str) -> tuple[Question, ...]:
    """Return what a file of commands takes for granted; each once."""
    return tuple(dict.fromkeys(_questions(text)))


def _questions(text: str) -> Iterator[Question]:
    inside = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line
        elif numbered := _NUMBERED.match(line):
            yield Question(inside, "1", numbered[2])
        elif before := _BEFORE.match(line):
            yield Question(inside, before[1], before[2])


def check(session: Session, text: str) -> None:
    """Raise ``Unsupported`` where the router doesn't know what a file of commands needs."""
    asked = questions(text)
    heads = tuple(dict.fromkeys((one.inside, one.head) for one in asked))
    known = dict(zip(heads, session.helps(heads), strict=True))
    for one in asked:
        if one.word in known[one.inside, one.head]:
            continue
        if one.word == "insert-before":
            raise Unsupported(
                f"{one.inside}: the router can't put a class before others, and one of them may"
                " match knocks; nothing was changed",
                hint="let the classes there match less, or leave policy_map out and have kc-copp"
                " on the control plane",
                where=session.where,
            )
        raise Unsupported(
            f"{one.inside}: the router takes no {one.word} with a number, which ours need to go"
            " between others' entries; nothing was changed",
            hint="have ours go last (placement.position), or into a list of their own (leave"
            " access_list out)",
            where=session.where,
        )
