"""What a router has before anybody configures it, as its switches order it."""

from __future__ import annotations

from ipaddress import ip_interface

from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.menus import MENUS
from knockctl_routeros.twin.device.switches import ALL_POLICIES
from knockctl_routeros.twin.device.validate import row

SERVICES = {
    "telnet": 23,
    "ftp": 21,
    "www": 80,
    "ssh": 22,
    "www-ssl": 443,
    "api": 8728,
    "winbox": 8291,
    "api-ssl": 8729,
}
LIMITED = {"policy", "ftp", "password", "sniff", "sensitive", "romon", "rest-api"}
GROUPS = {
    "read": ",".join(p for p in ALL_POLICIES if p not in LIMITED | {"write"}),
    "write": ",".join(p for p in ALL_POLICIES if p not in LIMITED),
    "full": ",".join(ALL_POLICIES),
}
DUMMY = {
    "action": "passthrough",
    "chain": "forward",
    "comment": "special dummy rule to show fasttrack counters",
    "log": "false",
    "disabled": "false",
}


def furnish(router: Machine) -> None:
    """Fill the menus."""
    switches = router.switches
    router.table("/system/identity").add({"name": switches.identity})
    _interfaces(router)
    for name, policies in (*GROUPS.items(), *switches.groups):
        words = {"name": name, "policy": _group(policies), "skin": "default"}
        router.table("/user/group").add(words, builtin=name in GROUPS)
    for name, password, group in switches.users:
        words = {"name": name, "password": password, "group": group, "address": ""}
        router.table("/user").add({**words, "disabled": "false"})
    for name, port in SERVICES.items():
        words = {"name": name, "port": str(port), "address": ""}
        off = "true" if name == "www-ssl" else "false"
        router.table("/ip/service").add({**words, "disabled": off})
    if switches.fasttrack_row:
        router.table("/ip/firewall/filter").add(DUMMY, dynamic=True, builtin=True)


def _group(policies: str) -> str:
    granted = policies.split(",")
    return ",".join(word if word in granted else f"!{word}" for word in ALL_POLICIES)


def _interfaces(router: Machine) -> None:
    for name in router.switches.interfaces:
        words = {"name": name, "default-name": name, "mtu": "1500", "disabled": "false"}
        router.table("/interface").add(words)
    lists = dict.fromkeys(name for name, _ in router.switches.interface_lists)
    for name in ("all", "none", "dynamic", "static"):
        router.table("/interface/list").add({"name": name}, builtin=True)
    for name in lists:
        router.table("/interface/list").add({"name": name})
    for name, interface in router.switches.interface_lists:
        if interface:
            words = {"list": name, "interface": interface, "disabled": "false"}
            router.table("/interface/list/member").add(words)
    for address, interface in router.switches.addresses:
        path = f"/ip{'v6' if ip_interface(address).version == 6 else ''}/address"
        words = {"address": address, "interface": interface}
        router.table(path).add(row(MENUS[path], words))
