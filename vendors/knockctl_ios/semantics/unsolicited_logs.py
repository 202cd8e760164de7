"""Lines that no packet caused: of links, logins, changes. May a pattern match one of them?

Nobody knows what else a router logs, so any text may come behind a line's beginning, but none that
holds what lines about packets, or those of applets, are told by.
"""

from __future__ import annotations

from functools import cache

from knockctl_ios.semantics.expressions import PRINTED
from knockctl_ios.semantics.logs import TIME, Format
from knockctl_ios.semantics.regex import Pattern, States, pattern

_PROMPTED = ("CP-6-", "-6-IPACCESSLOG", "HA_EM-6-LOG")
_MOST = 20_000
"""Combinations of states that are looked at; beyond them, yes is the answer."""


@cache
def unprompted(looked: Pattern, form: Format) -> bool:
    """Tell whether a line that no packet caused may match."""
    known = tuple(pattern(text) for text in _PROMPTED)
    some = (looked, *known)
    line = ("000001: " if form.numbered else "") + TIME + "%"
    start = tuple(one.after(one.begin, line) for one in some)
    letters = _unlike(some)
    seen, left = {start}, [start]
    while left and len(seen) < _MOST:
        states = left.pop()
        if looked.accepts(states[0]):
            return True
        for letter in letters:
            after = tuple(one.after(s, letter) for one, s in zip(some, states, strict=True))
            if after not in seen and not _prompted(known, after[1:]):
                seen.add(after)
                left.append(after)
    return bool(left)


def _prompted(known: tuple[Pattern, ...], states: tuple[States, ...]) -> bool:
    return any(one.accepts(s) for one, s in zip(known, states, strict=True))


def _unlike(some: tuple[Pattern, ...]) -> tuple[str, ...]:
    """Return one character of each kind that patterns tell apart."""
    classes = [chars for one in some for chars in one.classes]
    kinds = {tuple(char in chars for chars in classes): char for char in sorted(PRINTED)}
    return tuple(kinds.values())
