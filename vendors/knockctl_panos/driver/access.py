"""Who is in: registered addresses, their tags, and the sessions they opened.

What is written here is like what log forwarding writes: timed, at run time, no commit.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from xml.etree import ElementTree as ET

from knockctl.contract import Access, Address
from knockctl.errors import CommandRefused, DeviceError, GuardError
from knockctl.ports import Span, holds, merged
from knockctl_panos.config.location import Location
from knockctl_panos.config.records import PanosConfig
from knockctl_panos.driver.connection import Session
from knockctl_panos.driver.tags import Tags

Network = IPv4Network | IPv6Network
_TAG = re.compile(
    r"kc-(?P<policy>[a-z0-9-]+?)(?:-(?P<end>in|out)|\.(?P<generation>[0-9a-z]+)-(?P<what>\d+|try))"
)
_STAMP = "%Y/%m/%d %H:%M:%S"
_LOGS = 500
LONGEST = 2_592_000
"""Seconds a tag can be registered for: 30 days (fact sheet 2.3)."""


@dataclass(frozen=True, slots=True)
class PanosAccess:
    """Satisfies ``knockctl.contract.AccessControl``, over an open session."""

    session: Session
    location: Location
    config: PanosConfig
    """What runs: it says which policies there are, their tags, and their services."""

    @property
    def _tags(self) -> Tags:
        return Tags(self.session, self.location)

    # --- looking ---

    def sources(self) -> tuple[Access, ...]:
        """List everybody whom a policy remembers; times as the IP-tag log tells them, or None."""
        found = self._tags.registered()
        ends = self._ends() if found else {}
        return tuple(
            access
            for network, tags in found.items()
            for policy in policies(self.config)
            for access in _of(policy, network, tags, ends)
        )

    def _ends(self) -> dict[tuple[Network, str], int]:
        """Return the seconds left by address and tag, as far as the log goes back.

        Listing registered addresses leaves times out; whether a device has this log under this
        name is not certain, so that no log is no failure.
        """
        try:
            rows = list(self._log())
            now = _clock(self.session)
        except DeviceError:
            return {}
        left: dict[tuple[Network, str], int] = {}
        for row in reversed(rows):
            try:
                network = ip_network(row.findtext("ip") or row.findtext("src") or "", strict=False)
                begun = datetime.strptime(row.findtext("time_generated") or "", _STAMP)  # noqa: DTZ007
                seconds = int(row.findtext("timeout") or 0)
            except ValueError:
                continue
            key = (network, row.findtext("tag_name") or "")
            left.pop(key, None)
            if seconds and row.findtext("event_id") == "register":
                left[key] = max(0, int(seconds - (now - begun).total_seconds()))
        return left

    def _log(self) -> Iterator[ET.Element]:
        """Yield the newest lines of the IP-tag log, the newest first."""
        words = {"type": "log", "log-type": "iptag", "nlogs": str(_LOGS)}
        number = self.session.raw("log iptag", words).findtext("result/job") or ""
        deadline = time.monotonic() + self.session.target.timeouts.command
        while time.monotonic() < deadline:
            asked = {"type": "log", "action": "get", "job-id": number}
            result = self.session.raw("log iptag", asked).find("result")
            if result is not None and result.findtext("job/status") == "FIN":
                yield from result.iterfind("log/logs/entry")
                return
            time.sleep(0.2)

    # --- operating ---

    def admit(self, source: Address, policy: str, seconds: int) -> None:
        """Let a source in; what would void its grant goes."""
        self._known(policy)
        if not 1 <= seconds <= LONGEST:
            raise GuardError(
                f"a firewall remembers an address for 1 to {LONGEST} seconds",
                where=self.session.where,
            )
        network = ip_network(source)
        self._take(network, [policy], lambda one: one.end == "out")
        # A grant counts with a sound attempt, of any sequence.
        sound = [one.text for one in _tags(self.config, policy) if one.what == "try"][:1]
        for tag in (*sound, f"kc-{policy}-in"):
            self._tags.register(network, tag, seconds)

    def expel(self, source: Address, policy: str | None = None, *, keep_sessions: bool) -> int:
        """Take a source's grants and attempts away, and its sessions to the services."""
        chosen = self._policies(policy)
        self._take(ip_network(source), chosen, lambda one: one.end != "out")
        return 0 if keep_sessions else sum(1 for _ in self._cut(source, chosen))

    def unlock(self, source: Address, policy: str | None = None) -> bool:
        """End a source's lock-outs; tell whether there were any."""
        return (
            self._take(ip_network(source), self._policies(policy), lambda one: one.end == "out") > 0
        )

    def _policies(self, policy: str | None) -> list[str]:
        if policy is None:
            return list(policies(self.config))
        self._known(policy)
        return [policy]

    def _known(self, policy: str) -> None:
        there = policies(self.config)
        if policy not in there:
            raise GuardError(
                f"the policy {policy} does not run there",
                hint=f"policies that do: {', '.join(there) or 'none'}",
                where=self.session.where,
            )

    def _take(self, network: Network, chosen: list[str], which: Callable[[Tag], bool]) -> int:
        """Take some tags of an address away; return how many."""
        held = self._tags.registered().get(network, frozenset())
        gone = [
            t for t in sorted(held) if (one := Tag.parse(t)) and one.policy in chosen and which(one)
        ]
        if gone:
            self._tags.unregister({network: gone})
        return len(gone)

    def _cut(self, source: Address, chosen: list[str]) -> Iterator[str]:
        """End a source's sessions to services, one by one; yield each."""
        spans = merged(span for policy in chosen for span in services(self.config, policy))
        inside = f"<filter><source>{source}</source></filter>"
        result = self.session.op(
            f"<show><session><all>{inside}</all></session></show>", vsys=self.location.scope
        )
        for entry in result.iterfind("entry"):
            protocol = {"6": "tcp", "17": "udp"}.get(entry.findtext("proto") or "", "")
            port, number = entry.findtext("dport") or "0", entry.findtext("idx") or ""
            if entry.findtext("source") == str(source) and holds(spans, protocol, int(port)):
                with contextlib.suppress(CommandRefused):  # it ended by itself
                    self.session.op(f"<clear><session><id>{number}</id></session></clear>")
                    yield number


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tag's name says."""

    text: str
    policy: str
    end: str
    """``in`` or ``out``, empty for others."""
    generation: str
    what: str
    """The knocks made, or ``try``, of a generation."""

    @classmethod
    def parse(cls, name: str) -> Tag | None:
        """Read a tag's name; None for what is not ours."""
        found = _TAG.fullmatch(name)
        return cls(name, **found.groupdict(default="")) if found else None


def _tags(config: PanosConfig, policy: str) -> Iterator[Tag]:
    parsed = (Tag.parse(entry.name) for entry in config.kind("tag"))
    return (one for one in parsed if one is not None and one.policy == policy)


def policies(config: PanosConfig) -> tuple[str, ...]:
    """Return the policies that let somebody in, in a configuration."""
    found = (Tag.parse(entry.name) for entry in config.kind("tag"))
    return tuple(one.policy for one in found if one is not None and one.end == "in")


def services(config: PanosConfig, policy: str) -> Iterator[Span]:
    """Yield the ports that a policy opens to those who are in."""
    names = {
        name
        for rule in config.rules
        if rule.word("action") == "allow" and f"kc-{policy}-in" in rule.members("source")
        for name in rule.members("service")
    }
    for entry in config.kind("service"):
        if entry.name in names:
            for protocol in ("tcp", "udp"):
                for run in filter(None, entry.word(f"protocol/{protocol}/port").split(",")):
                    yield Span.parse(f"{protocol}/{run}")


def _of(
    policy: str, network: Network, tags: frozenset[str], ends: Mapping[tuple[Network, str], int]
) -> Iterator[Access]:
    """Yield what a policy remembers of an address; a grant counts while nothing was wrong."""
    mine = [one for tag in sorted(tags) if (one := Tag.parse(tag)) and one.policy == policy]
    sound = [one for one in mine if one.what == "try"]
    tries = {one.generation for one in sound}

    def left(*chosen: Tag) -> int | None:
        known = [ends.get((network, one.text)) for one in chosen]
        return min((seconds for seconds in known if seconds is not None), default=None)

    for one in mine:
        if one.end == "out":
            yield Access(policy, network, "locked", left(one))
        elif one.end == "in" and sound:
            yield Access(policy, network, "granted", left(one, *sound))
    stages = [one for one in mine if one.what.isdigit() and one.generation in tries]
    if stages:
        longest = max((s for one in stages if (s := left(one)) is not None), default=None)
        yield Access(policy, network, "knocking", longest)


def _clock(session: Session) -> datetime:
    """Return the device's own time: its logs are in that."""
    text = " ".join((session.system_time()).split())
    for form in ("%a %b %d %H:%M:%S %Y", _STAMP):
        with contextlib.suppress(ValueError):
            words = text.split()
            # A time zone's name is nothing strptime knows: ``Thu May 28 20:26:40 UTC 2026``.
            plain = " ".join([*words[:4], words[-1]]) if len(words) == 6 else text
            return datetime.strptime(plain, form)  # noqa: DTZ007
    raise CommandRefused(f"its clock says {text!r}", where=session.where)
