"""The schema of what this twin knows by name: objects, profiles and security rules."""

from __future__ import annotations

import re
from functools import lru_cache

from knockctl_panos.twin.device.schema import ANY, Entries, Group, Leaf, Members, Node
from knockctl_panos.twin.device.switches import Switches

YES_NO = Leaf(words=("yes", "no"))
TEXT = Leaf(1023)
PORTS = Leaf(1023, pattern=r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*")
NAMED = Leaf(63)
EMPTY = Group({})
_COLORS = tuple(f"color{number}" for number in range(1, 43) if number != 18)
_LOG_TYPES = ("traffic", "threat", "wildfire", "url", "data", "gtp", "tunnel", "auth", "sctp")
_ACTIONS = ("deny", "allow", "drop", "reset-client", "reset-server", "reset-both")
_ANY_NAME = re.compile(r"[^'\"<>]+")

TAG = Entries(Group({"color": Leaf(words=_COLORS), "comments": TEXT}), 127, _ANY_NAME)
ADDRESS = Entries(
    Group(
        {
            "ip-netmask": Leaf(pattern=r"[0-9A-Fa-f.:/]+"),
            "ip-range": Leaf(pattern=r"[0-9A-Fa-f.:-]+"),
            "ip-wildcard": Leaf(pattern=r"[0-9./]+"),
            "fqdn": Leaf(255),
            "description": TEXT,
            "tag": Members(),
        },
        ("ip-netmask", "ip-range", "ip-wildcard", "fqdn"),
    )
)
ADDRESS_GROUP = Entries(
    Group(
        {
            "dynamic": Group({"filter": Leaf(2047, pattern=r"(?s:.+)")}),
            "static": Members(),
            "description": TEXT,
            "tag": Members(),
        },
        ("dynamic", "static"),
    )
)
_PROTOCOL = Group(
    {
        "port": PORTS,
        "source-port": PORTS,
        "override": Group({"no": ANY, "yes": ANY}, ("no", "yes")),
    }
)
SERVICE = Entries(
    Group(
        {
            "protocol": Group(
                {"tcp": _PROTOCOL, "udp": _PROTOCOL, "sctp": _PROTOCOL}, ("tcp", "udp", "sctp")
            ),
            "description": TEXT,
            "tag": Members(),
        }
    )
)
SERVICE_GROUP = Entries(Group({"members": Members(63), "tag": Members()}))
_REGISTRATION = Group(
    {"localhost": EMPTY, "panorama": EMPTY, "remote": Group({"http-profile": NAMED})},
    ("localhost", "panorama", "remote"),
)
_TAGGING = Group(
    {
        "target": Leaf(words=("source-address", "destination-address", "xff-address", "user")),
        "action": Leaf(words=("add-tag", "remove-tag")),
        "registration": _REGISTRATION,
        "tags": Members(),
        "timeout": Leaf(span=(0, 43200)),
    }
)


def _profiles(switches: Switches) -> Entries:
    types = (*_LOG_TYPES, "decryption") if switches.since(10) else _LOG_TYPES
    match = Group(
        {
            "action-desc": TEXT,
            "log-type": Leaf(words=types),
            "filter": TEXT,
            "send-to-panorama": YES_NO,
            "quarantine": YES_NO,
            "send-snmptrap": Members(),
            "send-email": Members(),
            "send-syslog": Members(),
            "send-http": Members(),
            "actions": Entries(Group({"type": Group({"tagging": _TAGGING, "integration": ANY})})),
        }
    )
    profile: dict[str, Node] = {
        "description": TEXT,
        "enhanced-application-logging": YES_NO,
        "match-list": Entries(match),
    }
    return Entries(Group(profile))


def _log_settings(switches: Switches) -> Group:
    sinks: dict[str, Node] = dict.fromkeys(_SINKS, ANY)
    return Group(sinks | {"profiles": _profiles(switches)})


def _rules(switches: Switches) -> Group:
    lists = ("from", "to", "source", "destination", "source-user", "application", "service")
    children: dict[str, Node] = {name: Members(127) for name in (*lists, "category", "tag")}
    if switches.since(10):
        children |= {"source-hip": Members(), "destination-hip": Members()}
    else:
        children |= {"hip-profiles": Members()}
    flags = ("log-start", "log-end", "negate-source", "negate-destination", "disabled")
    children |= dict.fromkeys((*flags, "icmp-unreachable"), YES_NO)
    children |= {
        "action": Leaf(words=_ACTIONS),
        "log-setting": NAMED,
        "description": Leaf(1024),
        "group-tag": Leaf(127),
        "rule-type": Leaf(words=("universal", "intrazone", "interzone")),
        "schedule": NAMED,
        "option": Group({"disable-server-response-inspection": YES_NO}),
        "profile-setting": ANY,
        "qos": ANY,
        "target": ANY,
    }
    return Group({"rules": Entries(Group(children))})


def _base(switches: Switches) -> Group:
    others = ("nat", "qos", "pbf", "decryption", "application-override", "authentication")
    known: dict[str, Node] = {"security": _rules(switches), "default-security-rules": ANY}
    return Group(known | dict.fromkeys((*others, "dos", "tunnel-inspect", "sdwan"), ANY))


@lru_cache(maxsize=32)
def configuration(switches: Switches) -> Group:
    """Return the schema of ``/config``, of this version and role."""
    objects: dict[str, Node] = {
        "tag": TAG,
        "address": ADDRESS,
        "address-group": ADDRESS_GROUP,
        "service": SERVICE,
        "service-group": SERVICE_GROUP,
        "log-settings": _log_settings(switches),
    }
    objects |= dict.fromkeys(_OTHERS, ANY)
    local = objects | dict.fromkeys(_LOCAL, ANY) | {"rulebase": _base(switches)}
    pushed = {"pre-rulebase": _base(switches), "post-rulebase": _base(switches)}
    groups = objects | pushed | {"devices": ANY, "description": TEXT, "reference-templates": ANY}
    device: dict[str, Node] = dict.fromkeys(("deviceconfig", "network", "platform"), ANY)
    if switches.role == "panorama":
        device |= {"device-group": Entries(Group(groups)), "template": ANY, "template-stack": ANY}
        shared = objects | pushed
    else:
        device |= {"vsys": Entries(Group(local))}
        shared = dict(objects)
    return Group(
        {
            "mgt-config": ANY,
            "shared": Group(shared | dict.fromkeys(_LOCAL, ANY)),
            "devices": Entries(Group(device)),
            "readonly": ANY,
            "panorama": ANY,
            "predefined": ANY,
        }
    )


_SINKS = (
    "syslog",
    "snmptrap",
    "email",
    "http",
    "system",
    "config",
    "userid",
    "iptag",
    "globalprotect",
)
_OTHERS = (
    *("application", "application-group", "application-filter", "application-status", "profiles"),
    *("profile-group", "schedule", "region", "external-list", "threats", "dynamic-user-group"),
)
_LOCAL = (
    *(
        "zone",
        "import",
        "display-name",
        "setting",
        "group-mapping",
        "global-protect",
        "server-profile",
    ),
    *("authentication-profile", "certificate", "ssl-tls-service-profile", "user-id-collector"),
    *("admin-role", "content-preview", "botnet", "reports", "report-group", "local-user-database"),
)
