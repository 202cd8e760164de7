"""Who is in: the entries of our address lists, and the connections they opened.

Entries made here are like those that rules make: timed, in memory, gone after a reboot. A dynamic
entry's time can't be changed, so it is removed and made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from knockctl.contract import Access, Address
from knockctl.errors import GuardError, Where
from knockctl.ports import Span, holds, merged
from knockctl_routeros.config.normal import microseconds
from knockctl_routeros.config.records import RouterConfig
from knockctl_routeros.config.words import timeout
from knockctl_routeros.driver.connection import Reply, Session, path
from knockctl_routeros.plan import foreign

_STATES: dict[str, Literal["granted", "locked"]] = {"grant": "granted", "lock": "locked"}


@dataclass(frozen=True, slots=True)
class RouterAccess:
    """Satisfies ``knockctl.contract.AccessControl``, over an open session."""

    session: Session
    config: RouterConfig
    """What runs: it says which policies there are, and their services."""
    families: tuple[int, ...]

    # --- looking ---

    def sources(self) -> tuple[Access, ...]:
        """List everybody on a list; a grant that was used up or ended early is none."""
        found: dict[tuple[str, str], dict[str, int | None]] = {}
        both = [f"kc-{name}.{what}" for name in policies(self.config) for what in _STATES]
        names = tuple(dict.fromkeys((*both, *foreign.used(self.config.rows))))
        for family in self.families:
            for row in self._entries(family, names):
                match = foreign.LIST.fullmatch(row.get("list", ""))
                if match and _network(row):
                    what = found.setdefault((match["policy"], row["address"]), {})
                    what[match["what"]] = _seconds(row.get("timeout"))
        return tuple(
            access
            for (policy, source), left in found.items()
            for access in _of(policy, source, left)
        )

    def _entries(self, family: int, names: Sequence[str]) -> Reply:
        """Return what is on these lists, by rule or by hand, and in force."""
        words = foreign.query(names, "?disabled=false")
        return self.session.ask(f"{_menu(family)}/print", *words) if names else []

    # --- operating ---

    def admit(self, source: Address, policy: str, seconds: int) -> None:
        """Let a source in; what would void or outlast its grant goes."""
        self._known(policy)
        self._forget(source, policy, ("grant", "spent", "lock"))
        words = (f"=list=kc-{policy}.grant", f"=address={source}", f"=timeout={timeout(seconds)}")
        self.session.ask(f"{_menu(source.version)}/add", *words)

    def expel(self, source: Address, policy: str | None = None, *, keep_sessions: bool) -> int:
        """Take a source off the lists of grants and stages, and its connections away.

        Raises:
            GuardError: somebody has let it in, by hand, together with others.
        """
        for name in self._policies(policy):
            self._forget(source, name, ("grant", "void"), stages=True)
        cut = 0 if keep_sessions else sum(1 for _ in self._cut(source, policy))
        for name in self._policies(policy):
            self._out(source, f"kc-{name}.grant")
        return cut

    def _out(self, source: Address, name: str) -> None:
        for row in self._entries(source.version, (name,)):
            network = _network(row)
            if network is not None and source in network:
                raise GuardError(
                    f"{source} is still let in: {network} is on {name}, put there by hand",
                    hint="remove that entry on the router",
                    where=Where(device=self.session.target.name),
                )

    def unlock(self, source: Address, policy: str | None = None) -> bool:
        """Take a source off the lists of lock-outs."""
        return sum(self._forget(source, name, ("lock",)) for name in self._policies(policy)) > 0

    def _policies(self, policy: str | None) -> tuple[str, ...]:
        if policy is not None:
            self._known(policy)
            return (policy,)
        return policies(self.config)

    def _known(self, policy: str) -> None:
        if policy not in policies(self.config):
            there = ", ".join(policies(self.config)) or "none"
            raise GuardError(
                f"the policy {policy} does not run there",
                hint=f"policies that do: {there}",
                where=Where(device=self.session.target.name),
            )

    def _forget(
        self, source: Address, policy: str, what: tuple[str, ...], *, stages: bool = False
    ) -> int:
        """Remove a source's entries, return how many; one that ran out meanwhile is gone, too."""
        names = [f"kc-{policy}.{name}" for name in what]
        names += stage_lists(self.config, policy) if stages else []
        removed = 0
        for row in self._entries(source.version, names):
            # Whether an IPv6 address is printed with its length is not documented.
            if _network(row) == ip_network(source):
                command = f"{_menu(source.version)}/remove"
                self.session.tolerate("no such item", command, f"=.id={row['.id']}")
                removed += 1
        return removed

    def _cut(self, source: Address, policy: str | None) -> Iterator[str]:
        """Remove a source's connections to services, one by one; yield each."""
        menu = f"{'/ip' if source.version == 4 else '/ipv6'}/firewall/connection"
        spans = merged(s for name in self._policies(policy) for s in services(self.config, name))
        for row in self.session.ask(f"{menu}/print"):
            host, _ = _endpoint(row.get("src-address", ""))
            _, port = _endpoint(row.get("dst-address", ""))
            if host == str(source) and holds(spans, row.get("protocol", ""), port):
                self.session.tolerate("no such item", f"{menu}/remove", f"=.id={row['.id']}")
                yield row[".id"]


def policies(config: RouterConfig) -> tuple[str, ...]:
    """Return the policies that grant something in a configuration."""
    found = (foreign.LIST.fullmatch(row.get("address-list")) for row in config.rows)
    return tuple(dict.fromkeys(m["policy"] for m in found if m and m["what"] == "grant"))


def stage_lists(config: RouterConfig, policy: str) -> list[str]:
    """Return the lists of a policy's stages."""
    found = (foreign.LIST.fullmatch(row.get("address-list")) for row in config.rows)
    return list(
        dict.fromkeys(m[0] for m in found if m and m["policy"] == policy and "-" in m["what"])
    )


def services(config: RouterConfig, policy: str) -> Iterator[Span]:
    """Yield the ports that a policy's own chain opens to those on its list."""
    for row in config.rows:
        granted = row.get("src-address-list") == f"kc-{policy}.grant"
        if granted and row.get("chain") == f"kc-{policy}" and row.get("dst-port"):
            for run in row.get("dst-port").split(","):
                yield Span.parse(f"{row.get('protocol')}/{run}")


def _menu(family: int) -> str:
    return path(f"{'/ip' if family == 4 else '/ipv6'} firewall address-list")


def _of(policy: str, source: str, left: dict[str, int | None]) -> Iterator[Access]:
    network = ip_network(source, strict=False)
    for what, state in _STATES.items():
        if what in left and not (what == "grant" and "spent" in left):
            yield Access(policy, network, state, left[what])
    stages = [seconds for what, seconds in left.items() if "-" in what]
    if stages and "void" not in left:
        yield Access(policy, network, "knocking", max((s for s in stages if s), default=None))


def _network(row: Mapping[str, str]) -> IPv4Network | IPv6Network | None:
    """Return whom an entry means; None for a range or a name, which people may enter."""
    try:
        return ip_network(row.get("address", ""), strict=False)
    except ValueError:
        return None


def _seconds(text: str | None) -> int | None:
    left = microseconds(text) if text else None
    return None if left is None else left // 1_000_000


def _endpoint(text: str) -> tuple[str, int]:
    """Split ``192.0.2.1:22`` and ``2001:db8::1/22``, ``[2001:db8::1]:22``."""
    host, _, port = text.rpartition("/" if "/" in text else ":")
    host = host.strip("[]")
    try:
        return str(ip_address(host)), int(port)
    except ValueError:
        return text, 0
