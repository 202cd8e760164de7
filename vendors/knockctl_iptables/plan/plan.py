"""From what runs to what is intended: the smallest change, and the way back.

One restore file per family. Each begins by exchanging the mark: the old one is deleted (the
whole file fails if it is not there) and the new one written, so that of two writers one wins.
Chains that differ are written anew inside the same transaction; nothing foreign is named.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from knockctl.contract import Change, Reading
from knockctl_iptables.config.generations import adopt
from knockctl_iptables.config.records import (
    FAMILIES,
    JUMP,
    MARK,
    Family,
    IpSet,
    LinuxConfig,
    Rule,
    Table,
    mark_rule,
)
from knockctl_iptables.plan.placing import moves as families_to_move
from knockctl_iptables.plan.reading import (
    LinuxReading,
)


@dataclass(frozen=True, slots=True)
class Payload:
    """One direction of a change, as text for the device."""

    sets_before: str
    """``ipset restore`` lines: sets to create before the rules."""
    files: Mapping[Family, str]
    """``iptables-restore`` input; a family that does not change is absent."""
    sets_after: tuple[str, ...]
    """Sets nothing refers to any more, to be destroyed after the rules."""


@dataclass(frozen=True, slots=True)
class LinuxRemediation:
    """The way from one config to another, there and back."""

    change_id: str
    before: LinuxConfig
    intended: LinuxConfig
    """What must be read back, marks included."""
    settled: str | None
    """The mark once the change is confirmed: its own id, or the revision gone back to."""
    forward: Payload
    backward: Payload
    changes: tuple[Change, ...]
    keeps_grants: bool


def plan(running: Reading[LinuxConfig], intended: LinuxConfig, change_id: str) -> LinuxRemediation:
    """Return the way from running to intended.

    A foreign rule above our jump that may let in what our rules name counts as a difference where
    we are meant to be first: the jump is moved up, the foreign rule stays where it is.
    """
    before = running.config
    goal = adopt(before, intended, change_id)
    moves = families_to_move(running, goal)
    changes = tuple(_changes(before, goal, moves))
    if not changes:
        nothing = Payload("", {}, ())
        return LinuxRemediation(
            change_id, before, before, before.revision, nothing, nothing, (), keeps_grants=True
        )
    goal = goal.marked(change_id)
    lengths = running.input_rules if isinstance(running, LinuxReading) else {}
    return LinuxRemediation(
        change_id,
        before,
        goal,
        None if goal.empty else intended.revision or change_id,
        _payload(before, goal, moves, lengths),
        _payload(goal, before, moves, {}),
        changes,
        keeps_grants=_grants(goal) >= _grants(before),
    )


def _grants(config: LinuxConfig) -> frozenset[str]:
    return frozenset(s.name for s in config.sets if s.name.endswith("_grant"))


# --- the difference, as a person reads it -----------------------------------------------------


def _changes(before: LinuxConfig, goal: LinuxConfig, moves: frozenset[Family]) -> Iterator[Change]:
    old, new = set(before.sets), set(goal.sets)
    if not before.empty and before.revision is None:
        yield Change("add", MARK, "one revision mark in every family")
    for s in sorted(old - new, key=lambda s: s.name):
        yield Change("remove", "ipset", s.create())
    for s in sorted(new - old, key=lambda s: s.name):
        yield Change("add", "ipset", s.create())
    for family in (6, 4):
        tool = "iptables" if family == 4 else "ip6tables"
        was, will = before.table(family), goal.table(family)
        for _ in range(was.jumps, will.jumps):
            yield Change("add", f"{tool} INPUT", str(Rule(JUMP)))
        for _ in range(will.jumps, was.jumps):
            yield Change("remove", f"{tool} INPUT", str(Rule(JUMP)))
        if family in moves:
            yield Change("move", f"{tool} INPUT", f"{Rule(JUMP)} to the first place")
        for chain in sorted(set(was.chains) | set(will.chains)):
            yield from _chain_changes(
                f"{tool} {chain}", was.chains.get(chain), will.chains.get(chain)
            )


def _chain_changes(
    place: str, was: tuple[Rule, ...] | None, will: tuple[Rule, ...] | None
) -> Iterator[Change]:
    if was is None and not will:
        yield Change("add", place, "(an empty chain)")
    if will is None and not was:
        yield Change("remove", place, "(an empty chain)")
    a, b = was or (), will or ()
    if a == b:
        return
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for _, a_from, a_to, b_from, b_to in (op for op in matcher.get_opcodes() if op[0] != "equal"):
        yield from (Change("remove", place, str(rule)) for rule in a[a_from:a_to])
        yield from (Change("add", place, str(rule)) for rule in b[b_from:b_to])


# --- the change, as the device reads it --------------------------------------------------------


def _payload(
    before: LinuxConfig,
    goal: LinuxConfig,
    moves: frozenset[Family],
    lengths: Mapping[Family, int],
) -> Payload:
    """Return the text that leads from one to the other; ``lengths`` bound the jump's place."""
    names = {s.name for s in goal.sets}
    files = {}
    for family in FAMILIES:
        will = goal.table(family)
        place = min(will.place or 1, lengths.get(family, will.place or 1) + 1)
        file = _restore_file(before.table(family), will, place, move=family in moves)
        if file:
            files[family] = file
    return Payload(
        "".join(_create(before, s) for s in sorted(goal.sets, key=lambda s: s.name)),
        files,
        tuple(sorted(s.name for s in before.sets if s.name not in names)),
    )


def _create(before: LinuxConfig, wanted: IpSet) -> str:
    """Return the lines that make a set; one with another header is exchanged in place."""
    there = next((s for s in before.sets if s.name == wanted.name), None)
    if there == wanted:
        return ""
    if there is None:
        return f"{wanted.create()}\n"
    spare = replace(wanted, name=f"KC{wanted.family}_spare")
    return f"{spare.create()}\nswap {spare.name} {wanted.name}\ndestroy {spare.name}\n"


def _restore_file(was: Table, will: Table, place: int, *, move: bool) -> str:
    """Return one family's file; empty when neither side has anything of ours."""
    if was.empty and will.empty:
        return ""
    lines = ["*filter", *_mark_lines(was, will)]
    changed = [c for c in sorted(will.chains) if was.chains.get(c) != will.chains[c]]
    dead = [c for c in sorted(was.chains) if c not in will.chains]
    lines.extend(f":{chain} - [0:0]" for chain in changed)
    for chain in changed:
        lines.extend(f"-A {chain} {rule}" for rule in will.chains[chain])
    stay = min(was.jumps, will.jumps) if not move else 0
    lines.extend([f"-D INPUT {Rule(JUMP)}"] * (was.jumps - stay))
    lines.extend([f"-I INPUT {place} {Rule(JUMP)}"] * (will.jumps - stay))
    lines.extend(f"-F {chain}" for chain in dead)
    lines.extend(f"-X {chain}" for chain in dead)
    if will.empty:
        lines.append(f"-X {MARK}")
    return "".join(f"{line}\n" for line in (*lines, "COMMIT"))


def _mark_lines(was: Table, will: Table) -> Iterator[str]:
    """Exchange the mark. ``-N`` fails where the chain exists, ``-D`` where the rule does not."""
    if was.mark is None:
        yield f"-N {MARK}"
    for mark in (was.mark or "").split():
        yield f"-D {MARK} {mark_rule(mark)}"
    for mark in (will.mark or "").split():
        yield f"-A {MARK} {mark_rule(mark)}"


def settle_files(remediation: LinuxRemediation) -> dict[Family, str]:
    """Return the files that give a confirmed change its final mark; none when it has it."""
    mark = remediation.change_id
    if remediation.settled in (mark, None):
        return {}
    return {
        family: "".join(
            f"{line}\n"
            for line in (
                "*filter",
                f"-D {MARK} {mark_rule(mark)}",
                f"-A {MARK} {mark_rule(remediation.settled or mark)}",
                "COMMIT",
            )
        )
        for family, table in remediation.intended.tables.items()
        if table.mark
    }
