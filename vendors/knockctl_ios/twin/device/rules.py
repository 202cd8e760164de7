"""What the commands of the configuration do: most keep a line, some do more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from knockctl_ios.twin.device.configuring import Configuring
from knockctl_ios.twin.device.grammar import Grammar, Parsed
from knockctl_ios.twin.device.tree import Node

Apply = Callable[[Configuring, "Parsed[Rule]", bool], str]
"""Carries out a line, or, with True, its negation; returns what the device says."""


class Refused(Exception):
    """The line is understood, and not obeyed; the text is what the device says."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One command of a mode."""

    syntax: str
    rank: int = 0
    key: int = 0
    """How many words make two lines the same setting; 0 is all of them."""
    mode: str = ""
    """The mode it opens."""
    least: int = 0
    """How many words suffice after ``no``; 0 is as many as the key has."""
    sticky: bool = False
    """On by default: its negation is what is kept."""
    both: bool = False
    """Kept in either form."""
    either: bool = False
    """Kept in the form it was given, until its opposite takes it away: defaults aren't known."""
    apply: Apply | None = None
    needs: str = ""
    """The switch without which the device doesn't know it."""


def key_of(rule: Rule, words: tuple[str, ...]) -> str:
    """Return what identifies the line."""
    return " ".join(words[: rule.key] if rule.key else words)


def _removes(rule: Rule, known: Node | None, *, negated: bool) -> bool:
    if rule.either and known is not None:
        return known.text.startswith("no ") is not negated
    if negated:
        return not (rule.sticky or rule.both or rule.either)
    return rule.sticky


def keep(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Keep the line, or remove the one it names."""
    rule, parent = parsed.command, cfg.section
    key = key_of(rule, parsed.words)
    if _removes(rule, parent.child(key), negated=negated):
        parent.drop(key)
    else:
        text = f"no {parsed.text}" if negated else parsed.text
        made = Node(text, key, (rule.rank, ""), rule.mode, args=dict(parsed.args))
        node = parent.put(made)
        if rule.mode and not negated:
            cfg.enter(node)
    return ""


def grammar_of(rules: tuple[Rule, ...], lacks: Collection[str]) -> Grammar[Rule]:
    """Build the parser of a mode, on a device that lacks what these switches name."""
    grammar: Grammar[Rule] = Grammar()
    for rule in rules:
        if rule.needs not in lacks:
            grammar.add(rule.syntax, rule, rule.least or rule.key)
    return grammar
