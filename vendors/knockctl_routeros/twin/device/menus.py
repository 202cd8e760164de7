"""The other menus: interfaces, addresses, services, users, and the system's own."""

from __future__ import annotations

from knockctl_routeros.twin.device import addresses, kinds
from knockctl_routeros.twin.device.firewall import MENUS as FIREWALL
from knockctl_routeros.twin.device.kinds import Kind
from knockctl_routeros.twin.device.menu import CHANGING, Menu

READ_ONLY = frozenset({"print"})
COMMON: dict[str, Kind] = {"comment": kinds.text, "disabled": kinds.boolean}
ENABLED = {"disabled": "false"}
JOB_POLICIES = "ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon"

INTERFACES = (
    Menu(
        "/interface",
        {"name": kinds.text, "mtu": kinds.number(68, 65535), **COMMON},
        defaults=ENABLED,
        unique=("name",),
        named=True,
        verbs=frozenset({"print", "set", "enable", "disable", "comment"}),
        firewall=True,
    ),
    Menu(
        "/interface/list",
        {"name": kinds.text, "include": kinds.text, "exclude": kinds.text, "comment": kinds.text},
        needed=("name",),
        unique=("name",),
        named=True,
        firewall=True,
    ),
    Menu(
        "/interface/list/member",
        {"list": kinds.interface_list, "interface": kinds.interface, **COMMON},
        needed=("list", "interface"),
        defaults=ENABLED,
        unique=("list", "interface"),
        firewall=True,
    ),
    Menu(
        "/ip/address",
        {
            "address": addresses.owned(4),
            "network": kinds.text,
            "interface": kinds.interface,
            **COMMON,
        },
        needed=("address", "interface"),
        defaults=ENABLED,
        unique=("address", "interface"),
        firewall=True,
    ),
    Menu(
        "/ipv6/address",
        {
            "address": addresses.owned(6),
            "interface": kinds.interface,
            "advertise": kinds.boolean,
            "eui-64": kinds.boolean,
            "no-dad": kinds.boolean,
            **COMMON,
        },
        needed=("address", "interface"),
        defaults={"advertise": "true", "eui-64": "false", "no-dad": "false", **ENABLED},
        unique=("address", "interface"),
        firewall=True,
    ),
)
ACCESS = (
    Menu(
        "/ip/service",
        {
            "name": kinds.text,
            "port": kinds.number(1, 65535),
            "address": addresses.allowed_from,
            "certificate": kinds.text,
            "tls-version": kinds.one_of("any", "only-1.2"),
            "disabled": kinds.boolean,
        },
        defaults={"address": "", **ENABLED},
        unique=("name",),
        named=True,
        verbs=frozenset({"print", "set", "enable", "disable", "unset"}),
    ),
    Menu(
        "/user",
        {
            "name": kinds.text,
            "group": kinds.group,
            "address": addresses.allowed_from,
            "password": kinds.text,
            **COMMON,
        },
        needed=("name", "group"),
        defaults={"address": "", **ENABLED},
        unique=("name",),
        named=True,
        policy="policy",
        hidden=frozenset({"password"}),
    ),
    Menu(
        "/user/group",
        {
            "name": kinds.text,
            "policy": kinds.group_policies,
            "skin": kinds.text,
            "comment": kinds.text,
        },
        needed=("name",),
        defaults={"skin": "default"},
        unique=("name",),
        named=True,
        policy="policy",
    ),
    Menu("/user/active", {}, verbs=READ_ONLY, kept=False),
    Menu(
        "/ppp/secret",
        {
            "name": kinds.text,
            "password": kinds.text,
            "service": kinds.text,
            "profile": kinds.text,
            **COMMON,
        },
        needed=("name",),
        defaults={"service": "any", "profile": "default", "password": "", **ENABLED},
        unique=("name",),
        named=True,
        sensitive=frozenset({"password"}),
    ),
)
SYSTEM = (
    Menu("/system/resource", {}, single=True, verbs=READ_ONLY, kept=False),
    Menu("/system/identity", {"name": kinds.text}, single=True, defaults={"name": "MikroTik"}),
    Menu("/system/clock", {}, single=True, verbs=READ_ONLY, kept=False),
    Menu("/system/history", {}, verbs=READ_ONLY, kept=False),
    Menu("/system/device-mode", {}, single=True, verbs=READ_ONLY, since=(7, 0), kept=False),
    Menu("/log", {}, verbs=READ_ONLY, kept=False),
    Menu(
        "/system/script",
        {
            "name": kinds.text,
            "source": kinds.text,
            "policy": kinds.policies,
            "dont-require-permissions": kinds.boolean,
            "owner": kinds.text,
            "comment": kinds.text,
        },
        defaults={
            "source": "",
            "policy": JOB_POLICIES,
            "dont-require-permissions": "false",
        },
        unique=("name",),
        named=True,
        verbs=(CHANGING - {"enable", "disable"}) | {"print", "run"},
    ),
    Menu(
        "/system/scheduler",
        {
            "name": kinds.text,
            "start-date": kinds.date,
            "start-time": kinds.start_time,
            "interval": kinds.duration,
            "on-event": kinds.text,
            "policy": kinds.policies,
            "owner": kinds.text,
            **COMMON,
        },
        defaults={"interval": "0s", "on-event": "", "policy": JOB_POLICIES, **ENABLED},
        unique=("name",),
        named=True,
    ),
    Menu(
        "/file",
        {"name": kinds.text, "contents": kinds.text, "type": kinds.text},
        needed=("name",),
        unique=("name",),
        named=True,
        verbs=frozenset({"print", "add", "set", "remove"}),
        newer={"add": (7, 0)},
        policy="ftp",
        kept=False,
    ),
)
MENUS = {menu.path: menu for menu in (*INTERFACES, *FIREWALL, *ACCESS, *SYSTEM)}
