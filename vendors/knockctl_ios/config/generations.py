"""Which memory on a router belongs to which sequence.

The lists of a sequence are named after a random generation, never after ports. Rendering leaves
a placeholder; here it becomes the router's own name where that already runs exactly this
sequence, so that those halfway through it stay there, and a fresh one where it does not, so that
knocks of an old sequence never count in a new one.

So it is with scripts: a file that is there with exactly this text stays; any other text gets a
fresh name, and lies beside the old one until nothing goes back to that any more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from knockctl_ios.config.files import File
from knockctl_ios.config.records import IosConfig
from knockctl_ios.config.syntax import Line

PLACEHOLDERS = ("0000", "0001")
"""Stand for a generation until a plan puts the router's own, or a fresh one, in its place."""

_NAME = re.compile(r"\b(?P<policy>kc-[a-z][a-z0-9-]*)-(?P<generation>[0-9a-f]{4})-(?=[ms]\d)")
_MADE = re.compile(r"^(knock )([0-9a-f]{4})(?= )", re.MULTILINE)
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
    named = replace(
        intended,
        objects=tuple(_renamed(one, names) for one in intended.objects),
        files=tuple(_filled(one, names) for one in intended.files),
    )
    return _placed(running, named, change_id)


def _placed(running: IosConfig, intended: IosConfig, change_id: str) -> IosConfig:
    """Return it with each script under the name of a file that has its text, or a fresh one."""
    there = {one.name: one for one in running.files}
    names: dict[str, str] = {}
    for one in intended.files:
        if not one.name.endswith(f"-{PLACEHOLDERS[0]}.tcl"):
            continue
        same = (o.name for o in there.values() if (o.policy, o.text) == (one.policy, one.text))
        mine = (one.policy, "file")
        used = {name[-8:-4] for name in _registered(running)}
        names[one.name] = next(same, f"{one.policy}-{_free(mine, change_id, used)}.tcl")
    objects = []
    for line in intended.objects:
        words = line.text.split()
        if words[2:3] == ["policy"] and words[3] in names:
            line = Line(line.text.replace(words[3], names[words[3]]), line.below)  # noqa: PLW2901
        objects.append(line)
    placed = tuple(replace(o, name=names.get(o.name, o.name)) for o in intended.files)
    return replace(intended, objects=tuple(objects), files=placed)


def _registered(running: IosConfig) -> set[str]:
    """Return the files there are and those that are named: some may be missing."""
    words = (one.text.split() for one in running.objects)
    named = {said[3] for said in words if said[:3] == ["event", "manager", "policy"]}
    return named | {one.name for one in running.files}


def _filled(file: File, names: Mapping[Generation, str]) -> File:
    """Return a script with its sequences under their names."""

    def name(match: re.Match[str]) -> str:
        return match[1] + names.get((file.policy, match[2]), match[2])

    return replace(file, text=_MADE.sub(name, file.text))


def _sequences(config: IosConfig) -> dict[Generation, Steps]:
    """Return what applets do for each generation; how long it is kept is no part of it."""
    found: dict[Generation, set[tuple[str, str]]] = {}
    for line in config.objects:
        if line.text.startswith("event manager applet "):
            for generation, step in _steps(line):
                found.setdefault(generation, set()).add(step)
    for file in config.files:
        for made, knock in file.knocks():
            steps = found.setdefault((file.policy, made), set())
            steps.add((f"{len(steps)}", knock))
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
    return _free(generation, change_id, {other for _, other in there})


def _free(generation: Generation, change_id: str, used: Collection[str]) -> str:
    for attempt in range(1000):
        seed = f"{change_id} {generation} {attempt}"
        name = hashlib.sha256(seed.encode()).hexdigest()[:4]
        if name not in used and name not in PLACEHOLDERS:
            return name
    msg = "no free generation name"
    raise AssertionError(msg)
