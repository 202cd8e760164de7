"""The modes of configuration: their prompts, and the commands of each.

What the device knows and this one has no use for is kept word by word: commands by their first
words, and below the headings that open a mode, anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from knockctl_ios.twin.device import acl, applets, qos, users
from knockctl_ios.twin.device.rules import Rule

ANY = "any"
"""The mode in which every line is kept."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What is between the brackets of the prompt, and what is understood."""

    prompt: str
    rules: tuple[Rule, ...] = ()


_HEADINGS = (
    ("aaa group server {radius|tacacs+} WORD", 60, "sg-radius"),
    ("crypto {isakmp|ikev2|ipsec|map|pki|gdoi} LINE", 180, "crypto"),
    ("ip access-list standard {WORD|<1-99>}", 300, "std-nacl"),
    ("ip dhcp pool WORD", 70, "dhcp"),
    ("ip sla <1-2147483647>", 310, "ip-sla"),
    ("ip vrf WORD", 40, "vrf"),
    ("ipv6 access-list WORD", 330, "ipv6-acl"),
    ("key chain WORD", 90, "keychain"),
    ("object-group network WORD", 110, "network-group"),
    ("parameter-map LINE", 130, "profile"),
    ("redundancy", 115, "red"),
    ("route-map WORD {permit|deny} <0-65535>", 340, "route-map"),
    ("router LINE", 260, "router"),
    ("track <1-1000> [LINE]", 140, "track"),
    ("vlan WORD", 145, "vlan"),
    ("vrf definition WORD", 40, "vrf"),
    ("zone security WORD", 170, "sec-zone"),
    ("zone-pair security LINE", 175, "sec-zone-pair"),
    ("voice {service|class|register} LINE", 140, "voice"),
    ("dial-peer LINE", 380, "dial-peer"),
)
_KEPT = (
    (20, "{boot-start-marker|boot-end-marker}"),
    (20, "boot [LINE]"),
    (30, "{card|platform|diagnostic|process|memory|memory-size|scheduler|license} [LINE]"),
    (60, "aaa {authentication|authorization|accounting|session-id|common-criteria} [LINE]"),
    (65, "{clock|errdisable|spanning-tree|vtp|udld|mls|multilink|subscriber} [LINE]"),
    (70, "ip {cef|domain|domain-list|host|name-server|inspect|ips|multicast|source-route}  [LINE]"),
    (70, "ip {bootp|dhcp|icmp|gratuitous-arps|finger|ftp|tftp|rcmd|telnet|options} [LINE]"),
    (70, "{ipv6|cef|flow|mpls|lldp|cdp|l2vpn|bridge} [LINE]"),
    (125, "{alias|parser|shell|default-value|login|security|mac|port-channel} [LINE]"),
    (
        270,
        "ip {route|forward-protocol|nat|prefix-list|local|as-path|community-list} [LINE]",
    ),
    (270, "ip {flow-export|tacacs|radius|sla|tcp|pim|igmp|ssh|device|rsvp|verify} [LINE]"),
    (320, "access-list {<1-199>|<1300-2699>} [LINE]"),
    (320, "{arp|dialer-list|priority-list|queue-list|tacacs-server|radius-server|radius} [LINE]"),
    (350, "snmp-server [LINE]"),
    (
        360,
        "{tftp-server|gateway|mgcp|sccp|call|telephony-service|onep|netconf-yang|restconf} [LINE]",
    ),
    (420, "{ntp|sntp|wsma|netconf|monitor|exception|vpdn|vpdn-group} [LINE]"),
)
_LISTED = (270, 320, 350, 420)
"""Ranks of what there can be several of: to negate it is only to remove it."""
GLOBAL = (
    Rule(
        "service timestamps {log|debug} [uptime|datetime [msec|localtime|show-timezone|year]*]",
        10,
        key=3,
        both=True,
    ),
    Rule("service sequence-numbers", 14),
    Rule("service password-encryption", 12, both=True),
    Rule(
        "service {config|dhcp|finger|pad|tcp-keepalives-in|tcp-keepalives-out|udp-small-servers"
        "|tcp-small-servers|nagle|call-home|internal|unsupported-transceiver|telnet-zeroidle"
        "|linenumber|compress-config|disable-ip-fast-frag|hide-telnet-addresses|exec-callback"
        "|prompt config|pt-vty-logging|slave-log|alignment|decimal-tty|exec-wait} [LINE]",
        16,
        either=True,
    ),
    Rule("hostname name=WORD", 18, key=1),
    Rule(
        "logging {buffered|console|monitor|trap|facility|origin-id|source-interface|rate-limit"
        "|userinfo|count|on|message-counter|exception|discriminator|queue-limit} [LINE]",
        50,
        key=2,
        both=True,
    ),
    Rule("logging {host A.B.C.D [LINE]|A.B.C.D}", 345),
    *users.RULES,
    Rule("aaa new-model", 58, both=True),
    Rule("archive", 100, key=1, mode="config-archive"),
    Rule("file prompt quiet", 105),
    Rule("file verify auto", 105),
    Rule("file privilege <0-15>", 105, key=2),
    Rule(
        "object-group service name=WORD", 110, key=3, mode="config-service-group", apply=qos.group
    ),
    Rule("class-map {how=match-any|how=match-all} name=WORD", 150, apply=qos.class_map),
    Rule("class-map name=WORD", 150, apply=qos.class_map),
    Rule(
        "class-map type {type=logging|type=port-filter} {how=match-any|how=match-all} name=WORD",
        152,
        apply=qos.class_map,
        needs="logs_plane",
    ),
    Rule(
        "class-map type {type=logging|type=port-filter} name=WORD",
        152,
        apply=qos.class_map,
        needs="logs_plane",
    ),
    Rule(
        "class-map type type=inspect [how=match-any|how=match-all] name=WORD",
        152,
        apply=qos.class_map,
    ),
    Rule("policy-map name=WORD", 160, apply=qos.policy_map),
    Rule(
        "policy-map type {type=logging|type=port-filter} name=WORD",
        162,
        apply=qos.policy_map,
        needs="logs_plane",
    ),
    Rule("policy-map type type=inspect name=WORD", 162, apply=qos.policy_map),
    Rule("interface {name=INTERFACE|kind=TYPE unit=UNIT}", 200, apply=users.interface),
    Rule("ip scp server enable", 270),
    Rule("ip {domain-lookup|domain lookup}", 70, sticky=True),
    Rule("ip {domain-name|domain name} name=WORD", 70, key=0, apply=users.domain_name),
    Rule("ip http {server|secure-server}", 265, both=True),
    Rule(
        "ip http {access-class|authentication|max-connections|port|path|timeout-policy"
        "|secure-port|client|secure-trustpoint} LINE",
        266,
        key=3,
    ),
    Rule(
        "ip access-list extended {WORD|<100-199>|<2000-2699>}",
        300,
        key=4,
        mode="config-ext-nacl",
        apply=acl.header,
    ),
    Rule(
        "ip access-list resequence name=WORD [start=<1-2147483647> [step=<1-2147483647>]]",
        apply=acl.resequence,
    ),
    Rule("ip access-list {logging|log-update|helper|role-based} LINE", 300),
    Rule("access-list dynamic-extend", 320),
    Rule("control-plane", 390, apply=qos.control_plane),
    Rule(
        "control-plane {where=host|where=transit|where=cef-exception}",
        385,
        needs="logs_plane",
        apply=qos.control_plane,
    ),
    Rule("banner {motd|exec|login|incoming|prompt-timeout} LINE", 395, key=2),
    Rule("privilege LINE", 398),
    Rule("line {con|aux|vty|tty} <0-1869> [<0-1869>]", 400, mode="config-line"),
    Rule("config-register WORD", 32, key=1),
    *applets.rules(450),
    *(Rule(text, rank, mode=f"{ANY} {prompt}") for text, rank, prompt in _HEADINGS),
    *(Rule(text, rank, either=rank not in _LISTED) for rank, text in _KEPT),
)
_INTERFACE = (
    Rule("description LINE", 1, key=1),
    Rule("shutdown", 30),
    Rule("ip address A.B.C.D A.B.C.D", 5, key=2, least=2),
    Rule("ip address A.B.C.D A.B.C.D secondary", 6),
    Rule("ip address {dhcp|negotiated} [LINE]", 5, key=2),
    Rule("ip access-group {WORD|<1-2699>} {in|out}", 7, apply=users.access_group),
    Rule(
        "ip {unreachables|redirects|proxy-arp|mask-reply|split-horizon|route-cache}", 8, sticky=True
    ),
    Rule("ip {unreachables|redirects} LINE", 8, key=2),
    # Not any line: "ip route" in an interface's mode is the global command.
    Rule("ip route-cache {cef|distributed|flow|policy|same-interface}", 9),
    Rule(
        "ip {nat|virtual-reassembly|inspect|verify|policy|mtu|helper-address|ospf|tcp|vrf|pim|igmp"
        "|flow|nhrp|unnumbered|summary-address|broadcast-address|directed-broadcast"
        "|accounting|rip|authentication|bandwidth-percent|hello-interval|hold-time} [LINE]",
        9,
    ),
    Rule(
        "{ipv6|zone-member|crypto|vrf|service-policy|standby|switchport|channel-group|tunnel|ppp"
        "|pppoe|pppoe-client|dialer|encapsulation|spanning-tree|mpls|media-type|negotiation"
        "|nameif|vlan-id|peer|clock|fair-queue|serial|isdn|storm-control|macro|snmp|logging"
        "|authentication|dot1x|mab|bfd|ntp|arp|macsec} [LINE]",
        20,
    ),
    Rule("{lldp|mop|cdp|keepalive|autostate} [LINE]", 21, either=True),
    Rule(
        "{bandwidth|delay|duplex|speed|mtu|load-interval|hold-queue|mac-address|carrier-delay"
        "|tx-ring-limit} [LINE]",
        15,
        key=1,
    ),
)
_LINE = (
    Rule("access-class WORD {in|out} [vrf-also]", 5),
    Rule("exec-timeout <0-35791> [<0-2147483>]", 3, key=1),
    Rule("privilege level <0-15>", 2, key=2),
    Rule("password LINE", 4, key=1),
    Rule("login [local|authentication WORD|tacacs]", 6, key=1, both=True),
    Rule("transport {input|output|preferred} {all|none|ssh|telnet}*", 9, key=2),
    Rule("logging synchronous [LINE]", 5, key=2),
    Rule("{length|width|speed|stopbits|session-timeout|absolute-timeout} LINE", 7, key=1),
    Rule(
        "{exec|history|notify|monitor|ipv6|rotary|session-limit|autocommand|flowcontrol} [LINE]",
        8,
        both=True,
    ),
    Rule("authorization LINE", 8),
    Rule("activation-character <0-255>", 8, key=1),
)
_ARCHIVE = (
    Rule("path FILE", 2, key=1),
    Rule("maximum <1-14>", 3, key=1),
    Rule("write-memory", 4),
    Rule("time-period <1-525600>", 5, key=1),
    Rule("log config", 1, mode="config-archive-log-cfg"),
    Rule("rollback {filter adaptive|retry timeout <0-5>}", 6),
)
_ARCHIVE_LOG = (
    Rule("hidekeys", 2),
    Rule("logging {enable|persistent|size} [LINE]", 1, key=2),
    Rule("notify syslog [LINE]", 3, key=2),
    Rule("record rc", 4),
)
MODES = {
    "config": Mode("config", GLOBAL),
    "config-archive": Mode("config-archive", _ARCHIVE),
    "config-archive-log-cfg": Mode("config-archive-log-cfg", _ARCHIVE_LOG),
    "config-service-group": Mode("config-service-group", qos.MEMBERS),
    "config-cmap": Mode("config-cmap", qos.CLASS),
    "config-cmap-log": Mode("config-cmap", qos.CLASS_LOG),
    "config-pmap": Mode("config-pmap", qos.POLICY),
    "config-pmap-log": Mode("config-pmap", qos.POLICY),
    "config-pmap-c": Mode("config-pmap-c", qos.ACTIONS),
    "config-pmap-c-log": Mode("config-pmap-c", qos.ACTIONS_LOG),
    "config-if": Mode("config-if", _INTERFACE),
    "config-subif": Mode("config-subif", _INTERFACE),
    "config-ext-nacl": Mode("config-ext-nacl", acl.RULES),
    "config-cp": Mode("config-cp", qos.ATTACH),
    "config-cp-host": Mode("config-cp-host", qos.ATTACH),
    "config-line": Mode("config-line", _LINE),
    "config-applet": Mode("config-applet", applets.APPLET_RULES),
    "config-applet-trigger": Mode("config-applet-trigger", applets.TRIGGER_RULES),
}


def mode(name: str) -> Mode:
    """Return a mode; those that keep any line are called ``any`` and their prompt."""
    kind, _, prompt = name.partition(" ")
    return MODES[name] if kind != ANY else Mode(f"config-{prompt}")
