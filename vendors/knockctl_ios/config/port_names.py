"""Ports and protocols that IOS prints by name: fact sheet 2; 22 and 443 have none."""

from __future__ import annotations

TCP = {
    "echo": 7,
    "discard": 9,
    "daytime": 13,
    "chargen": 19,
    "ftp-data": 20,
    "ftp": 21,
    "telnet": 23,
    "smtp": 25,
    "time": 37,
    "whois": 43,
    "tacacs": 49,
    "domain": 53,
    "gopher": 70,
    "finger": 79,
    "www": 80,
    "hostname": 101,
    "pop2": 109,
    "pop3": 110,
    "sunrpc": 111,
    "ident": 113,
    "nntp": 119,
    "bgp": 179,
    "irc": 194,
    "pim-auto-rp": 496,
    "exec": 512,
    "login": 513,
    "cmd": 514,
    "lpd": 515,
    "talk": 517,
    "uucp": 540,
    "klogin": 543,
    "kshell": 544,
}
UDP = {
    "echo": 7,
    "discard": 9,
    "time": 37,
    "nameserver": 42,
    "tacacs": 49,
    "domain": 53,
    "bootps": 67,
    "bootpc": 68,
    "tftp": 69,
    "sunrpc": 111,
    "ntp": 123,
    "netbios-ns": 137,
    "netbios-dgm": 138,
    "netbios-ss": 139,
    "snmp": 161,
    "snmptrap": 162,
    "xdmcp": 177,
    "dnsix": 195,
    "mobile-ip": 434,
    "pim-auto-rp": 496,
    "isakmp": 500,
    "biff": 512,
    "who": 513,
    "syslog": 514,
    "talk": 517,
    "rip": 520,
    "non500-isakmp": 4500,
}
PROTOCOLS = {
    "icmp": "1",
    "igmp": "2",
    "ipinip": "4",
    "tcp": "6",
    "udp": "17",
    "gre": "47",
    "esp": "50",
    "ahp": "51",
    "eigrp": "88",
    "ospf": "89",
    "nos": "94",
    "pim": "103",
    "pcp": "108",
}
_NAMES = {number: name for name, number in PROTOCOLS.items()}
_TABLES = {"tcp": TCP, "udp": UDP, "tcp-udp": {**UDP, **TCP}}


def number(protocol: str, word: str) -> str:
    """Return a port, by name or number, as its number; any other word as it is."""
    found = _TABLES.get(protocol, {}).get(word)
    return word if found is None else str(found)


def protocol(word: str) -> str:
    """Return a protocol by its name, where it has one."""
    return _NAMES.get(word, word)
