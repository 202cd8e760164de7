"""Who is in: registered addresses, their tags, and the sessions they opened.

What is written here is like what log forwarding writes: timed, at run time, no commit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal
from xml.etree import ElementTree as ET

from knockctl.errors import CommandRefused, DeviceError, GuardError
from knockctl.ports import Span, holds, merged
from knockctl.vendor import Access, Address
from knockctl_panos.config import PROFILES, PanosConfig
from knockctl_panos.location import Location
from knockctl_panos.session import Session
from knockctl_panos.tags import Tags
from knockctl_panos.xmltext import Node

Network = IPv4Network | IPv6Network
State = Literal["granted", "knocking", "locked"]
_TAG = re.compile(r"kc-(?P<policy>[a-z0-9-]+?)(?:-(?P<end>in|out)|\.(?P<gen>[0-9a-z]+)-(?P<what>\d+|try))")
_STAMP = "%Y/%m/%d %H:%M:%S"
_LOGS = 500
LONGEST = 2_592_000
"""Seconds a tag can be registered for: 30 days (fact sheet 2.3)."""


@dataclass(frozen=True, slots=True)
class PanosAccess:
    """Satisfies ``knockctl.vendor.AccessControl``, over an open session."""

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
        self._take(network, [policy], lambda what: what.end == "out")
        for tag in (*self._attempts(policy), f"kc-{policy}-in"):
            self._tags.register(network, tag, seconds)

    def _attempts(self, policy: str) -> list[str]:
        """Return one tag that makes a grant of a policy count: that of a sound attempt."""
        found = [tag for tag in _known_tags(self.config) if _is(tag, policy, "try")]
        return found[:1]

    def expel(self, source: Address, policy: str | None = None, *, keep_sessions: bool) -> int:
        """Take a source's grants and attempts away, and its sessions to the services."""
        chosen = self._policies(policy)
        self._take(ip_network(source), chosen, lambda what: what.end != "out")
        return 0 if keep_sessions else sum(1 for _ in self._cut(source, chosen))

    def unlock(self, source: Address, policy: str | None = None) -> bool:
        """End a source's lock-outs; tell whether there were any."""
        return self._take(ip_network(source), self._policies(policy), lambda w: w.end == "out") > 0

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
