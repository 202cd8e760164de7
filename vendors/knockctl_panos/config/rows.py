"""Rules as rows of words: what thousands of them are told apart by, before any is compiled.

Two rules with the same words in the same shape mean the same, whatever their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from knockctl_panos.config.syntax import Tree, uncollected

SILENT = frozenset(
    (
        *("description", "tag", "group-tag", "option", "profile-setting", "icmp-unreachable"),
        *("uuid", "qos", "log-setting", "log-start", "log-end"),
    )
)
"""Words that decide nothing about the packets a rule matches; logs tell of them afterwards."""
_ASKED = ("source", "destination", "service")

Texts = Sequence[str | None]
Words = Callable[[Texts], Any]
"""Takes some words out of a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the words are, in rows of one shape."""

    like: object
    """The same one for all layouts of a rulebase that have the same shape but for sources,
    destinations and services; another one for all others."""
    source: Words
    target: Words
    service: Words
    rest: Words
    but: Words
    """All words but those of the source."""


Row = tuple[str, Tree, Layout, Texts]
"""A rule's name, the rule, and its words."""


def rows(rules: Iterable[Tree]) -> list[Row]:
    """Read rules as rows."""
    layouts: dict[Any, Layout] = {}
    known: dict[Any, object] = {}
    made = []
    with uncollected():
        for rule in rules:
            shape, texts = rule.flat()
            layout = layouts.get(shape)
            if layout is None:
                layout = layouts[shape] = _layout(rule, known)
            made.append((rule.name, rule, layout, texts))
    return made


def _layout(rule: Tree, known: dict[Any, object]) -> Layout:
    """Find out where a rule has its words: texts stand in the order of the elements."""
    asked: dict[str, tuple[int, ...]] = dict.fromkeys(_ASKED, ())
    kept: list[int] = []
    shape: list[Any] = []
    at = 1
    for child in rule.children:
        one, texts = child.flat()
        spots = range(at, at + len(texts))
        if child.tag in asked:
            asked[child.tag] = tuple(spots[1:])
        elif child.tag not in SILENT:
            kept += spots
            shape.append(one)
        at += len(texts)
    like = known.setdefault(tuple(shape), object())
    source, target, service = (_words(asked[name]) for name in _ASKED)
    but = (*kept, *asked["destination"], *asked["service"])
    return Layout(like, source, target, service, _words(tuple(kept)), _words(but))


def _words(spots: tuple[int, ...]) -> Words:
    return itemgetter(*spots) if spots else _none


def _none(texts: Texts) -> None:
    del texts
