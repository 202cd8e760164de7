"""The well-known ports that IOS prints by name; 22 and 443 have none."""

from __future__ import annotations

TCP = {
    7: "echo",
    9: "discard",
    13: "daytime",
    19: "chargen",
    20: "ftp-data",
    21: "ftp",
    23: "telnet",
    25: "smtp",
    37: "time",
    43: "whois",
    49: "tacacs",
    53: "domain",
    70: "gopher",
    79: "finger",
    80: "www",
    101: "hostname",
    109: "pop2",
    110: "pop3",
    111: "sunrpc",
    113: "ident",
    119: "nntp",
    179: "bgp",
    194: "irc",
    496: "pim-auto-rp",
    512: "exec",
    513: "login",
    514: "cmd",
    515: "lpd",
    517: "talk",
    540: "uucp",
    543: "klogin",
    544: "kshell",
}
UDP = {
    7: "echo",
    9: "discard",
    37: "time",
    42: "nameserver",
    49: "tacacs",
    53: "domain",
    67: "bootps",
    68: "bootpc",
    69: "tftp",
    111: "sunrpc",
    123: "ntp",
    137: "netbios-ns",
    138: "netbios-dgm",
    139: "netbios-ss",
    161: "snmp",
    162: "snmptrap",
    177: "xdmcp",
    195: "dnsix",
    434: "mobile-ip",
    496: "pim-auto-rp",
    500: "isakmp",
    512: "biff",
    513: "who",
    514: "syslog",
    517: "talk",
    520: "rip",
    4500: "non500-isakmp",
}
NAMES = tuple(sorted({*TCP.values(), *UDP.values()}))


def printed(protocol: str, port: str) -> str:
    """Return a port as the running configuration prints it."""
    table = {"tcp": TCP, "udp": UDP}.get(protocol, {})
    return table.get(int(port), port) if port.isdigit() else port
