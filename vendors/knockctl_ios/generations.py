"""Which memory on a router belongs to which sequence.

The lists of a sequence are named after a random generation, never after ports. Rendering leaves
a placeholder; here it becomes the router's own name where that already runs exactly this
sequence, so that those halfway through it stay there, and a fresh one where it does not, so that
knocks of an old sequence never count in a new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from knockctl_ios.config import IosConfig
from knockctl_ios.tree import Line

PLACEHOLDERS = ("0000", "0001")
"""Stand for a generation until a plan puts the router's own, or a fresh one, in its place."""

_NAME = re.compile(r"\b(?P<policy>kc-[a-z][a-z0-9-]*)-(?P<generation>[0-9a-f]{4})-(?=[ms]\d)")
_TIMEOUT = re.compile(r" timeout \d+")
_OTHERS = re.compile(r"clear access-template")

Generation = tuple[str, str]
"""What all names of the policy begin with, and the generation."""
Steps = frozenset[tuple[str, str]]
"""What is waited for, and what is then asked or kept of this sequence."""


def adopt(running: IosConfig, intended: IosConfig, change_id: str) -> IosConfig:
    """Return ``intended`` with the running generations' names, or fresh ones."""
    there = _sequences(running)
    names: dict[Generation, str] = {}
    for mine, steps in _sequences(intended).items():
        if mine[1] not in PLACEHOLDERS:
            continue
        taken = {(mine[0], name) for name in names.values()}
        same = (g for g, theirs in there.items() if theirs == steps and g not in taken)
        found = next((g for g in same if g[0] == mine[0]), None)
        names[mine] = found[1] if found else _fresh(mine, change_id, there)
    return replace(intended, objects=tuple(_renamed(one, names) for one in intended.objects))


def _sequences(config: IosConfig) -> dict[Generation, Steps]:
    """Return what applets do for each generation; how long it is kept is no part of it."""
    found: dict[Generation, set[tuple[str, str]]] = {}
    for line in config.objects:
        if line.text.startswith("event manager applet "):
            for generation, step in _steps(line):
                found.setdefault(generation, set()).add(step)
    return {generation: frozenset(steps) for generation, steps in found.items()}


def _steps(applet: Line) -> Iterator[tuple[Generation, tuple[str, str]]]:
    events = " ".join(one.text for one in applet.below if one.text.startswith("event "))
    for one in applet.below:
        if one.text.startswith("action ") and not _OTHERS.search(one.text):
            for match in _NAME.finditer(one.text):
                said = _TIMEOUT.sub("", _NAME.sub(r"\g<policy>-", one.text.split(None, 2)[2]))
                yield (match["policy"], match["generation"]), (events, said)


def _renamed(line: Line, names: Mapping[Generation, str]) -> Line:
    def name(match: re.Match[str]) -> str:
        policy, generation = match["policy"], match["generation"]
        return f"{policy}-{names.get((policy, generation), generation)}-"

    below = tuple(_renamed(one, names) for one in line.below)
    return Line(_NAME.sub(name, line.text), below)


def _fresh(generation: Generation, change_id: str, there: Mapping[Generation, Steps]) -> str:
    """Return four characters no generation on the router has; the change id is random."""
    used = {other for _, other in there}
    for attempt in range(1000):
        seed = f"{change_id} {generation} {attempt}"
        name = hashlib.sha256(seed.encode()).hexdigest()[:4]
        if name not in used and name not in PLACEHOLDERS:
            return name
    msg = "no free generation name"
    raise AssertionError(msg)
