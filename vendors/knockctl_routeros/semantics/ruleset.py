"""Rows as they are: chains of rules, address lists, layer 7 patterns.

Sources: MikroTik manual, Filter, RAW, Address-lists; fact sheet 1.1, 2.1, 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_pton

from knockctl.automaton.questions import Ranges
from knockctl_routeros.config.records import Row
from knockctl_routeros.semantics.conditions import CompiledRule, Family, Table, written

FAMILIES: tuple[Family, Family] = (4, 6)
TABLES: tuple[Table, Table] = ("raw", "filter")
_PARENTS = {4: "/ip firewall", 6: "/ipv6 firewall"}
_YES = ("yes", "true")
LIKE = "ether-of-{}"
"""What stands for a list's interfaces where nothing says which they are."""


@dataclass(frozen=True, slots=True)
class AddressList:
    """What configuration says about who is on a list."""

    always: Ranges = ()
    unsure: tuple[tuple[Ranges, str], ...] = ()
    """Rows that hold only for a while, or name a host: which addresses they could be about (none
    given: any), and the row. Whether they hold when a packet comes, rows don't say."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One router's firewall, both families.

    Only the menus ``filter``, ``raw``, ``address-list`` and ``layer7-protocol`` are looked at:
    neither NAT nor mangle.
    """

    menus: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """The rows of each menu, in the router's order."""
    whole: bool = False
    """Everything the router has: where nothing decides, the packet is accepted, and a list with
    no rows is empty. Otherwise what comes behind our rules, and who is on somebody else's lists,
    is not ours to tell."""
    interface_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Members of interface lists, includes and excludes resolved; others are guessed at."""

    @classmethod
    def of(
        cls,
        rows: Iterable[Row],
        *,
        whole: bool = False,
        interface_lists: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Ruleset:
        """Take the rows of all menus in the router's order, without dynamic ones."""
        menus: dict[str, list[Row]] = {}
        for row in rows:
            menus.setdefault(row.menu, []).append(row)
        return cls(menus, whole, dict(interface_lists or {}))

    def rules(self, family: Family, table: Table) -> Sequence[Row]:
        """Return the rows of a table, of all its chains, whether in force or not."""
        return self.menus.get(f"{_PARENTS[family]} {table}", ())

    def numbered(self, family: Family, table: Table) -> Iterator[tuple[str, Row]]:
        """Yield place and row of each rule; ``print`` counts those that are disabled, too."""
        numbers: dict[str, int] = {}
        for row in self.rules(family, table):
            chain = row.get("chain")
            numbers[chain] = numbers.get(chain, 0) + 1
            yield CompiledRule(row, numbers[chain]).place, row

    def entries(self, family: Family) -> Iterator[Row]:
        """Yield the rows in force that put somebody on an address list."""
        menu = f"{_PARENTS[family]} address-list"
        return (row for row in self.menus.get(menu, ()) if in_force(row))

    def lists(self, family: Family) -> dict[str, AddressList]:
        """Return the lists that rows say something about."""
        found: dict[str, AddressList] = {}
        for row in self.entries(family):
            name = row.get("list")
            found[name] = _with(found.get(name, AddressList()), row)
        return found

    def patterns(self) -> dict[str, str]:
        """Return the layer 7 patterns by name; IPv6 has none."""
        listed = self.menus.get("/ip firewall layer7-protocol", ())
        return {row.get("name"): row.get("regexp") for row in listed}


def in_force(row: Row) -> bool:
    """Tell whether a row is neither disabled nor refers to something missing (fact sheet 3)."""
    return row.get("disabled") not in _YES and row.get("invalid") not in _YES


def ranges_of(text: str) -> Ranges:
    """Read an address, a prefix or a range of addresses; raise ``ValueError`` for another text."""
    first, dash, last = text.partition("-")
    if dash:
        return ((int(ip_address(first)), int(ip_address(last))),)
    plain = _plain(text)
    if plain:
        return (plain,)
    network = ip_network(text, strict=False)
    return ((int(network.network_address), int(network.broadcast_address)),)


def _plain(text: str) -> tuple[int, int] | None:
    """Read what most are, at a tenth of the time ``ip_network`` takes; None for other texts."""
    address, slash, digits = text.partition("/")
    try:
        if ":" in address:
            number, bits = int.from_bytes(inet_pton(AF_INET6, address)), 128
        else:
            number, bits = int.from_bytes(inet_pton(AF_INET, address)), 32
    except (OSError, ValueError):
        return None
    if not slash:
        return number, number
    if not (digits.isascii() and digits.isdigit()) or int(digits) > bits:
        return None
    size = 1 << (bits - int(digits))
    return number & -size, number | (size - 1)


def _with(known: AddressList, row: Row) -> AddressList:
    place = f"{row.menu} {row.get('list')}: {written(row, 'list')}"
    try:
        ranges = ranges_of(row.get("address"))
    except ValueError:
        return AddressList(known.always, (*known.unsure, ((), place)))
    if row.get("timeout"):
        return AddressList(known.always, (*known.unsure, (ranges, place)))
    return AddressList((*known.always, *ranges), known.unsure)
