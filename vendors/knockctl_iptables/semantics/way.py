"""The base chains that a packet for the host meets, in the kernel's order.

Sources: ``man iptables``, TABLES; ``man nft``, CHAINS; linux/netfilter_ipv4.h for the priorities
of what iptables prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from knockctl_iptables.config.records import Family

Hook = Literal["prerouting", "input"]
TRACKING = -200
"""Where connection tracking looks at a packet: before that its flow is not known."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One base chain on the way."""

    table: str
    """The name of its table: ``filter``; of a native one, with its family: ``nft inet site``."""
    chain: str
    hook: Hook
    priority: int

    @property
    def early(self) -> bool:
        """Tell whether it comes before connection tracking."""
        return self.hook == "prerouting" and self.priority < TRACKING

    @property
    def ours(self) -> bool:
        """Tell whether it is where the policies' rules are called from."""
        return (self.table, self.chain) == ("filter", "INPUT")


_TABLES = (
    Stage("raw", "PREROUTING", "prerouting", -300),
    Stage("mangle", "PREROUTING", "prerouting", -150),
    Stage("nat", "PREROUTING", "prerouting", -100),
    Stage("mangle", "INPUT", "input", -150),
    Stage("filter", "INPUT", "input", 0),
    Stage("security", "INPUT", "input", 50),
)
Way = tuple[Stage, ...]


def way(native: Iterable[Stage] = ()) -> Way:
    """Return all stages in order.

    Of two that have one priority the kernel calls the younger first, which nobody can read off:
    a native one is taken to come before iptables' own, where it can do the most.
    """
    return tuple(sorted((*native, *_TABLES), key=lambda s: (s.hook == "input", s.priority)))


def named(table: str, chain: str, family: Family) -> str:
    """Name a chain as people look for it: ``iptables INPUT``, ``nft inet site input``."""
    if table.startswith("nft "):
        return f"{table} {chain}"
    tool = "iptables" if family == 4 else "ip6tables"
    return f"{tool} {chain}" if table == "filter" else f"{tool} -t {table} {chain}"
