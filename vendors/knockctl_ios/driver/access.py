"""Who is in: the temporary entries of our dynamic lists, and the sessions that end on the router.

Entries made here are like those that applets make: for whole minutes, in memory, gone with a
reload. One that is there already keeps its time, so it is cleared and made anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from knockctl.contract import Access, Address
from knockctl.errors import CommandRefused, GuardError, Unsupported
from knockctl_ios.config import listing
from knockctl_ios.config.listing import LIST, Temporary
from knockctl_ios.config.records import IosConfig
from knockctl_ios.driver.connection import Session
from knockctl_ios.plan import foreign
from knockctl_ios.plan.placing import dynamic

_LOCKED = re.compile(r"(kc-.+)-locked")
_STAGE = re.compile(r"(kc-.+?)(?:-[0-9a-f]{4})?-s\d+")
_ROW = re.compile(r"^([0-9A-F]{6,})\s+(\S+)\.(\d+)\s+(\S+)\.(\d+)\s+(\S+)\s*$", re.MULTILINE)
_ANY = "any"
State = Literal["granted", "knocking", "locked"]


@dataclass(frozen=True, slots=True)
class Dynamic:
    """One dynamic list of ours."""

    parent: str
    """The access list it is in."""
    name: str
    entry: str
    policy: str
    state: State

    @property
    def cap(self) -> int | None:
        """The minutes that none of its entries outlasts."""
        words = self.entry.split()
        return int(words[3]) if words[2] == "timeout" else None


def dynamics(config: IosConfig) -> tuple[Dynamic, ...]:
    """Return the dynamic lists of a configuration: those that let in, of stages, of lock-outs."""
    found = [
        (line.text.removeprefix(LIST), child.text)
        for line in config.lines()
        if line.text.startswith(LIST)
        for child in line.below
        if (dynamic(child.text) or "").startswith("kc-")
    ]
    names = {dynamic(text) for _, text in found}
    return tuple(_of(parent, text, names) for parent, text in found)


def _of(parent: str, text: str, names: set[str | None]) -> Dynamic:
    name = dynamic(text) or ""
    stage = _STAGE.fullmatch(name)
    # A policy may be called web-s1, but then no other is called web.
    if stage and stage[1] in names:
        return Dynamic(parent, name, text, stage[1].removeprefix("kc-"), "knocking")
    locked = _LOCKED.fullmatch(name)
    if locked and locked[1] in names:
        return Dynamic(parent, name, text, locked[1].removeprefix("kc-"), "locked")
    return Dynamic(parent, name, text, name.removeprefix("kc-"), "granted")


@dataclass(frozen=True, slots=True)
class IosAccess:
    """Satisfies ``knockctl.contract.AccessControl``, over an open session."""

    session: Session
    config: IosConfig
    """What runs: it says which policies there are, and their services."""

    # --- looking ---

    def sources(self) -> tuple[Access, ...]:
        """List everybody who has an entry; of several stages, the one that lasts longest."""
        found: dict[tuple[str, str, State], int | None] = {}
        for one, entry in self._entries():
            source = _source(entry.text)
            if source is None:
                continue
            known = (one.policy, str(source), one.state)
            left = entry.seconds_left
            other = found.get(known, 0)
            found[known] = None if left is None or other is None else max(left, other)
        return tuple(
            Access(policy, ip_network(source), state, left)
            for (policy, source, state), left in found.items()
        )

    def _entries(self) -> Iterator[tuple[Dynamic, Temporary]]:
        known = {(one.parent, one.name): one for one in dynamics(self.config)}
        for parent in dict.fromkeys(parent for parent, _ in known):
            text = self.session.ask(f"show ip access-lists {parent}", 600)
            for listed in listing.read(text):
                for entry in listed.temporary:
                    one = known.get((listed.name, entry.dynamic))
                    if one is not None:
                        yield one, entry

    # --- operating ---

    def admit(self, source: Address, policy: str, seconds: int) -> None:
        """Let a source in, for whole minutes."""
        self._four(source)
        self._clear(source, policy, ("granted",))
        minutes = max(1, -(-seconds // 60))
        for one in self._of(policy, "granted"):
            if one.cap is not None and minutes > one.cap:
                raise GuardError(
                    f"the access list of {policy} lets nobody in for longer than {one.cap} minutes",
                    hint=f"admit for {one.cap * 60} s at most, or deploy a longer grant",
                    where=self.session.where,
                )
            side = f"host {source} {_ANY} timeout {minutes}"
            said = self.session.ask(f"access-template {one.parent} {one.name} {side}")
            if said.strip():
                raise CommandRefused(
                    f"access-template: {said.strip().splitlines()[-1]}", where=self.session.where
                )

    def expel(self, source: Address, policy: str | None = None, *, keep_sessions: bool) -> int:
        """Take a source's entries away, and cut its sessions with the router's own services."""
        if source.version != 4:
            return 0
        for name in self._policies(policy):
            self._clear(source, name, ("granted", "knocking"))
        return 0 if keep_sessions else sum(1 for _ in self._cut(source, policy))

    def unlock(self, source: Address, policy: str | None = None) -> bool:
        """End a lock-out of a script: it looks whether its entry is there; applets lock nobody."""
        if source.version != 4:
            return False
        return sum(self._clear(source, name, ("locked",)) for name in self._policies(policy)) > 0

    def _four(self, source: Address) -> None:
        if source.version != 4:
            raise Unsupported(
                f"{source}: dynamic access lists know only IPv4", where=self.session.where
            )

    def _policies(self, policy: str | None) -> tuple[str, ...]:
        there = tuple(dict.fromkeys(one.policy for one in dynamics(self.config)))
        if policy is None:
            return there
        if policy not in there:
            raise GuardError(
                f"the policy {policy} does not run there",
                hint=f"policies that do: {', '.join(there) or 'none'}",
                where=self.session.where,
            )
        return (policy,)

    def _of(self, policy: str, *states: str) -> list[Dynamic]:
        self._policies(policy)
        return [o for o in dynamics(self.config) if o.policy == policy and o.state in states]

    def _clear(self, source: Address, policy: str, states: tuple[str, ...]) -> int:
        """Clear a source's entries; return how many."""
        mine, cleared = self._of(policy, *states), 0
        for one, entry in list(self._entries()):
            if one in mine and _source(entry.text) == ip_network(source):
                for sides in _sides(entry.text, one.entry):
                    command = f"clear access-template {one.parent} {one.name} {sides}"
                    if not self.session.ask(command).strip():
                        cleared += 1
                        break
        return cleared

    def _cut(self, source: Address, policy: str | None) -> Iterator[str]:
        """Cut a source's sessions one by one, but not the one we are in; yield each."""
        named = {line.text: line for line in self.config.objects}
        served = [
            span
            for name in self._policies(policy)
            for one in self._of(name, "granted")
            for span in foreign.spans(one.entry, named)
        ]
        mine = self.session.local
        for tcb, _, port, host, far, _ in _ROW.findall(self.session.ask("show tcp brief")):
            served_here = any(p == "tcp" and a <= int(port) <= b for p, a, b in served)
            if host == str(source) and served_here and (host, int(far)) != mine:
                self.session.do(f"clear tcp tcb {tcb}")
                yield tcb


def _source(text: str) -> IPv4Network | IPv6Network | None:
    """Return whom an entry lets in; None for everybody."""
    words = _after_protocol(text)
    try:
        if words[0] == "host":
            return ip_network(words[1])
        return ip_network(f"{words[0]}/{words[1]}", strict=False)
    except (ValueError, IndexError):
        return None


def _after_protocol(text: str) -> list[str]:
    words = text.split()
    return words[3:] if words[1:2] == ["object-group"] else words[2:]


def _sides(text: str, entry: str) -> tuple[str, ...]:
    """Return how an entry may have been made: with the destination it is shown with, or without.

    Without one, it is shown with that of its list.
    """
    words = _after_protocol(text)
    source, shown = " ".join(words[:2]), words[2:]
    rule = entry.split()
    rule = rule[4 if rule[2] == "timeout" else 2 :]
    own = _after_protocol(" ".join(rule))
    said = own[1 if own[:1] == ["any"] else 2 :]
    place = next((at for at, word in enumerate(shown) if word in ("any", "host")), None)
    if place is None:
        return (f"{source} {_ANY}",)
    to = " ".join(shown[place : place + (1 if shown[place] == _ANY else 2)])
    return (f"{source} {to}", source) if shown == said else (f"{source} {to}",)
