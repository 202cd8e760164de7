"""The firewall menus: which words a rule has, in which family and table."""

from __future__ import annotations

from knockctl_routeros.twin.device import addresses, kinds
from knockctl_routeros.twin.device.kinds import Kind
from knockctl_routeros.twin.device.menu import Menu

ADDING = ("add-src-to-address-list", "add-dst-to-address-list")
ACTIONS = ("accept", *ADDING, "drop", "jump", "log", "passthrough", "return")
FILTER_ACTIONS = (*ACTIONS, "fasttrack-connection", "reject", "tarpit")
RAW_ACTIONS = (*ACTIONS, "notrack")
PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "egp": 8,
    "udp": 17,
    "dccp": 33,
    "gre": 47,
    "ipsec-esp": 50,
    "ipsec-ah": 51,
    "icmpv6": 58,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
    "sctp": 132,
    "udp-lite": 136,
}
WITH_PORTS = ("tcp", "udp", "udp-lite", "dccp", "sctp")
REJECTIONS = (
    "icmp-network-unreachable",
    "icmp-host-unreachable",
    "icmp-port-unreachable",
    "icmp-protocol-unreachable",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "icmp-admin-prohibited",
    "icmp-no-route",
    "icmp-address-unreachable",
    "tcp-reset",
)


def protocol(_: kinds.Known, name: str, value: str) -> str:
    """Take a protocol by name or number; read back by name where it has one."""
    by_number = {str(number): word for word, number in PROTOCOLS.items()}
    if value in PROTOCOLS or (value.isdigit() and int(value) < 256):
        return by_number.get(value, value)
    raise kinds.no_match(name)


EVERYWHERE: dict[str, Kind] = {
    "chain": kinds.text,
    "jump-target": kinds.text,
    "address-list": kinds.text,
    "address-list-timeout": kinds.list_timeout,
    "protocol": kinds.negatable(protocol),
    "src-address-list": kinds.text,
    "dst-address-list": kinds.text,
    "src-address-type": kinds.text,
    "dst-address-type": kinds.text,
    "src-port": kinds.ports,
    "dst-port": kinds.ports,
    "port": kinds.ports,
    "in-interface": kinds.negatable(kinds.any_interface),
    "out-interface": kinds.negatable(kinds.any_interface),
    "in-interface-list": kinds.negatable(kinds.interface_list),
    "out-interface-list": kinds.negatable(kinds.interface_list),
    "tcp-flags": kinds.several(kinds.FLAGS),
    "tcp-mss": kinds.size_range,
    "icmp-options": kinds.icmp_options,
    "packet-size": kinds.size_range,
    "content": kinds.text,
    "dscp": kinds.negatable(kinds.number(0, 63)),
    "limit": kinds.numbers_by_comma,
    "dst-limit": kinds.numbers_by_comma,
    "nth": kinds.numbers_by_comma,
    "random": kinds.number(1, 99),
    "time": kinds.numbers_by_comma,
    "src-mac-address": kinds.text,
    "tls-host": kinds.text,
    "ingress-priority": kinds.number(0, 63),
    "priority": kinds.number(0, 63),
    "per-connection-classifier": kinds.text,
    "log": kinds.boolean,
    "log-prefix": kinds.text,
    "comment": kinds.text,
    "disabled": kinds.boolean,
}
CONNECTION: dict[str, Kind] = {
    "connection-state": kinds.connection_state,
    "connection-nat-state": kinds.text,
    "connection-mark": kinds.text,
    "connection-type": kinds.text,
    "connection-bytes": kinds.text,
    "connection-limit": kinds.text,
    "connection-rate": kinds.text,
    "packet-mark": kinds.text,
    "routing-mark": kinds.text,
    "reject-with": kinds.one_of(*REJECTIONS),
}
ONLY_4: dict[str, Kind] = {
    "psd": kinds.numbers_by_comma,
    "fragment": kinds.boolean,
    "ttl": kinds.text,
    "ipv4-options": kinds.text,
    "hotspot": kinds.text,
}
ONLY_6: dict[str, Kind] = {"headers": kinds.text, "hop-limit": kinds.text}
RULE_DEFAULTS = {"action": "accept", "log": "false", "disabled": "false"}


def _rules(family: int, table: str) -> Menu:
    root = "/ip" if family == 4 else "/ipv6"
    actions = FILTER_ACTIONS if table == "filter" else RAW_ACTIONS
    words = EVERYWHERE | (ONLY_4 if family == 4 else ONLY_6)
    words |= {"action": kinds.one_of(*actions)}
    words |= {"src-address": addresses.matcher(family), "dst-address": addresses.matcher(family)}
    if table == "filter":
        words |= CONNECTION | ({"layer7-protocol": kinds.layer7} if family == 4 else {})
    return Menu(
        f"{root}/firewall/{table}",
        words,
        needed=("chain",),
        defaults=RULE_DEFAULTS,
        ordered=True,
        exported=("action", "chain"),
        firewall=True,
    )


def _list(family: int) -> Menu:
    return Menu(
        f"{'/ip' if family == 4 else '/ipv6'}/firewall/address-list",
        {
            "address": addresses.listed(family),
            "list": kinds.text,
            "timeout": kinds.duration,
            "comment": kinds.text,
            "disabled": kinds.boolean,
        },
        needed=("address", "list"),
        defaults={"disabled": "false"},
        unique=("address", "list"),
        firewall=True,
    )


def _connections(family: int) -> Menu:
    return Menu(
        f"{'/ip' if family == 4 else '/ipv6'}/firewall/connection",
        {},
        verbs=frozenset({"print", "remove"}),
        firewall=True,
        kept=False,
    )


LAYER7 = Menu(
    "/ip/firewall/layer7-protocol",
    {"name": kinds.text, "regexp": kinds.text, "comment": kinds.text},
    needed=("name",),
    unique=("name",),
    named=True,
    firewall=True,
)
MENUS = (
    *(_list(family) for family in (4, 6)),
    LAYER7,
    *(_rules(family, table) for family in (4, 6) for table in ("filter", "raw")),
    *(_connections(family) for family in (4, 6)),
)
