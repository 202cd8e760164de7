"""Extended access lists: entries, their numbers, and dynamic lists."""

from __future__ import annotations

from knockctl_ios.twin.device import ports, remarks
from knockctl_ios.twin.device.configuring import Configuring
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.rules import Refused, Rule, keep
from knockctl_ios.twin.device.tree import Node

PROTOCOLS = "ahp|eigrp|esp|gre|icmp|igmp|ip|ipinip|nos|ospf|pcp|pim|sctp|tcp|udp|<0-255>"
_SIDE = "{any|host A.B.C.D|object-group WORD|A.B.C.D A.B.C.D}"
_PORTS = "[eq PORT [PORT]*|neq PORT|gt PORT|lt PORT|range PORT PORT]"
_OPTIONS = (
    "[established|fragments|dscp WORD|precedence WORD|tos WORD|time-range WORD"
    "|log-input [WORD]|log [WORD]|ack|syn|rst|fin|psh|urg|match-all WORD|match-any WORD"
    "|ttl {eq|lt|gt|neq} <0-255>]*"
)
_ICMP = (
    "[echo|echo-reply|unreachable|time-exceeded|traceroute|redirect|packet-too-big"
    "|administratively-prohibited|port-unreachable|<0-255> [<0-255>]]"
)
ENTRY = (
    "{action=permit|action=deny} {"
    f"{{proto=tcp|proto=udp|proto=sctp}} {_SIDE} {_PORTS} {_SIDE} {_PORTS} {_OPTIONS}"
    f"|proto=icmp {_SIDE} {_SIDE} {_ICMP} {_OPTIONS}"
    f"|{{{PROTOCOLS}}} {_SIDE} {_SIDE} {_OPTIONS}"
    f"|object-group service=WORD {_SIDE} {_SIDE} {_OPTIONS}}}"
)
DYNAMIC = f"dynamic dynamic=WORD [timeout timeout=<1-9999>] {ENTRY}"
LIST = "ip access-list extended"


def _canonical(words: tuple[str, ...]) -> str:
    """Print addresses and ports of an entry as IOS does."""
    found: list[str] = []
    protocol = next((word for word in words if word in ("tcp", "udp")), "")
    waiting = list(words)
    after_port = False
    while waiting:
        word = waiting.pop(0)
        if word in ("host", "any", "object-group"):
            after_port = False
        if _dotted(word) and waiting and _dotted(waiting[0]) and found[-1:] != ["host"]:
            found += _masked(word, waiting.pop(0))
            after_port = False
            continue
        after_port = after_port or word in ("eq", "neq", "gt", "lt", "range")
        found.append(ports.printed(protocol, word) if after_port and word.isdigit() else word)
    return " ".join(found)


def _dotted(word: str) -> bool:
    return word.count(".") == 3 and word.replace(".", "").isdigit()


def _masked(address: str, wildcard: str) -> list[str]:
    if wildcard == "255.255.255.255":
        return ["any"]
    if wildcard == "0.0.0.0":  # noqa: S104 - a wildcard, not an address to bind
        return ["host", address]
    pairs = zip(address.split("."), wildcard.split("."), strict=True)
    return [".".join(str(int(a) & ~int(w) & 255) for a, w in pairs), wildcard]


def entry(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Add an entry where its number says, or at the end; or remove it."""
    number = parsed.get("sequence")
    words = parsed.words[1:] if number else parsed.words
    text = _canonical(words) if parsed.get("action") else " ".join(words)
    acl = cfg.section
    same = acl.child(text)
    at = acl.ranked((int(number), remarks.ENTRY)) if number else None
    if negated:
        _remove(acl, at if number else same)
        return ""
    if same is not None and number in ("", str(same.sequence)):
        return ""
    if at is not None or same is not None:
        raise Refused("% Duplicate sequence number" if at else "% Duplicate entry")
    _check(cfg, parsed, acl)
    sequence = int(number) if number else _following(acl)
    remarks.take(acl, sequence)
    rank = (sequence, remarks.ENTRY)
    acl.put(Node(text, text, rank, sequence=sequence, args=dict(parsed.args)))
    return ""


def _following(acl: Node) -> int:
    """Return the number of an entry that is entered without one."""
    last = acl.last
    if last is not None and not last.sequence:
        last = next((node for node in reversed(acl.children) if node.sequence), None)
    return last.sequence + 10 if last is not None else 10


def _remove(acl: Node, node: Node | None) -> None:
    if node is not None:
        acl.drop(node.key)
        remarks.forget(acl, node.sequence)


def remark(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Add or remove a remark."""
    own = cfg.switches.remarks == "numbered"
    return entry(cfg, parsed, negated) if own else remarks.remark(cfg, parsed, negated)


def _check(cfg: Configuring, parsed: Parsed[Rule], acl: Node) -> None:
    group, dynamic = parsed.get("service"), parsed.get("dynamic")
    if group and cfg.top.child(f"object-group service {group}") is None:
        raise Refused(f"% Object-group {group} does not exist")
    if dynamic and cfg.switches.dynamic_names_global:
        for other in cfg.top.having(LIST):
            if any(node.args.get("dynamic") == dynamic for node in other.children):
                raise Refused(f"% Dynamic list {dynamic} already exists in {name_of(other)}")
    if dynamic and any(node.args.get("dynamic") == dynamic for node in acl.children):
        raise Refused(f"% Dynamic list {dynamic} already exists")


def by_number(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Remove the entry of a number."""
    if not negated:
        raise Refused("% Incomplete command.\n")
    found = cfg.section.ranked((int(parsed.get("sequence")), remarks.ENTRY))
    if found is None:
        return "% Specified sequence number does not exist"
    _remove(cfg.section, found)
    return ""


def resequence(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Give a list's entries new numbers in their order."""
    acl = cfg.top.child(f"{LIST} {parsed.get('name')}")
    if acl is None or negated:
        raise Refused(f"% Access list {parsed.get('name')} does not exist")
    remarks.renumber(acl, int(parsed.get("start", "10")), int(parsed.get("step", "10")))
    return ""


def header(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or delete a list; one that a class-map matches may be refused."""
    name = parsed.words[-1]
    maps = cfg.top.having("class-map")
    used = any(n.text.endswith(f"access-group name {name}") for m in maps for n in m.children)
    if negated and used and "access-list" in cfg.switches.guarded:
        raise Refused(f"% Access-list {name} is in use by a class-map, cannot be deleted")
    return keep(cfg, parsed, negated)


def name_of(acl: Node) -> str:
    """Return a list's name."""
    return acl.text.rpartition(" ")[2]


RULES = (
    Rule(f"sequence=<1-2147483647> {ENTRY}", apply=entry),
    Rule(f"sequence=<1-2147483647> {DYNAMIC}", apply=entry, needs="numbered_dynamic"),
    Rule("sequence=<1-2147483647> remark [LINE]", apply=remark, needs="numbered_remarks"),
    Rule("sequence=<1-2147483647>", key=1, apply=by_number),
    Rule(ENTRY, apply=entry),
    Rule(DYNAMIC, apply=entry),
    Rule("remark LINE", apply=remark),
)
